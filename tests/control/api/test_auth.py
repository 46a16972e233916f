"""/auth/…: users' sign-in over HTTP, up to the letters that a real worker delivers."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.http.wiring import Policies
from control.worker import WorkerOptions, run_worker
from tests.control.api import PASSWORD, Api, Person, running_api
from tests.control.running import CHEAP, KEY, outside_options

NEW = "violin 48 tractor plum"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def mail(api: Api, database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Path]:
    """A worker that runs, and the folder that it fills."""
    options = WorkerOptions(
        database_url,
        [KEY],
        Policies(links="https://app.example.com", hashing=CHEAP),
        tmp_path.as_uri(),
        "us@example.com",
        outside_options(valkey_url, tmp_path / "objects"),
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_worker(options, stop))
        yield tmp_path
        stop.set()


async def letter(folder: Path, to: str, subject: str) -> str:
    """The text of the next letter of its kind, which is then taken away."""
    async with asyncio.timeout(20):
        while not (found := await asyncio.to_thread(_take, folder, to, subject)):  # noqa: ASYNC110 -- files tell nobody
            await asyncio.sleep(0.02)
    return found


def _take(folder: Path, to: str, subject: str) -> str:
    for path in sorted(folder.glob("*.eml")):
        text = path.read_text()
        if f"To: {to}" in text and f"Subject: {subject}" in text:
            path.unlink()
            return text
    return ""


def token_of(text: str) -> str:
    found = re.search(r"#token=(\S+)", text)
    assert found
    return found[1]


async def is_in(person: Person, token: str) -> bool:
    return (await person.api.as_(token).get("/auth/me")).status == 200


async def test_a_sign_up_answers_as_the_spec_says_and_signs_in(api: Api) -> None:
    given = {"email": "Ada@Example.com", "password": PASSWORD, "name": " Ada Lovelace "}
    reply = await api.nobody.post("/auth/signup", given)
    assert reply.status == 201
    user = reply.body["user"]
    assert user == {"id": user["id"], "email": "ada@example.com", "name": "Ada Lovelace", "is_verified": False}
    assert reply.body.keys() == {"token", "refresh_token", "expires_in", "user"} and reply.body["expires_in"] == 600
    me = await api.as_(reply.body["token"]).get("/auth/me")
    assert (me.status, me.body) == (200, {"user": user, "workspaces": []})
    again = await api.nobody.post("/auth/signup", given | {"email": "ADA@example.com"})
    assert (again.status, again.code) == (409, "email_taken")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"email": "ada"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": " "}, "name"),
        ({"name": "Ann\n\nYou have won: https://example.com"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_sign_up_names_the_field(api: Api, change: dict[str, str], param: str) -> None:
    given = {"email": "new@example.com", "password": PASSWORD, "name": "New"} | change
    reply = await api.nobody.post("/auth/signup", given)
    assert (reply.status, reply.param) == (422, param)
    assert PASSWORD.encode() not in reply.raw


async def test_a_strangers_words_come_in_no_letter_to_an_address_that_is_not_confirmed(api: Api, mail: Path) -> None:
    victim = await api.sign_up(name="You have won: https://example.com", verified=False)
    assert (await api.nobody.post("/auth/forgot-password", {"email": victim.email})).status == 204
    for subject in ("Confirm your e-mail address", "Choose a new password"):
        assert "won" not in await letter(mail, victim.email, subject)


async def test_a_sign_in_tells_the_workspaces(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace("Acme Dental")
    reply = await api.nobody.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert reply.status == 200 and reply.body["user"]["is_verified"]
    [workspace] = reply.body["workspaces"]
    assert (workspace["id"], workspace["role"], workspace["name"]) == (workspace_id, "owner", "Acme Dental")
    assert (await ann.get("/auth/me")).body["workspaces"] == [workspace]


async def test_failures_are_counted_although_their_requests_fail(api: Api) -> None:
    ann = await api.sign_up()
    for email in (ann.email, "nobody@example.com"):
        wrong = {"email": email, "password": "not the password"}
        replies = [await api.nobody.post("/auth/login", wrong) for _ in range(7)]
        assert [reply.status for reply in replies] == [401] * 6 + [429]
        assert {reply.code for reply in replies[:6]} == {"invalid_credentials"}
        assert replies[6].code == "sign_in_locked" and 1 <= int(replies[6].headers["Retry-After"]) <= 2
    locked = await api.nobody.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert locked.status == 429


async def test_a_refresh_rotates_and_a_second_use_ends_the_session(api: Api) -> None:
    ann = await api.sign_up()
    second = await api.nobody.post("/auth/refresh", {"refresh_token": ann.refresh_token})
    assert second.status == 200 and second.body.keys() == {"token", "refresh_token", "expires_in"}
    assert await is_in(ann, second.body["token"])
    reused = await api.nobody.post("/auth/refresh", {"refresh_token": ann.refresh_token})
    assert (reused.status, reused.code) == (401, "refresh_token_reused")
    assert not await is_in(ann, second.body["token"]) and not await is_in(ann, ann.token)


async def test_one_refresh_token_at_once_wins_once(api: Api) -> None:
    ann = await api.sign_up()
    asked = (api.nobody.post("/auth/refresh", {"refresh_token": ann.refresh_token}) for _ in range(5))
    replies = await asyncio.gather(*asked)
    assert sorted(reply.status for reply in replies) == [200, 401, 401, 401, 401]


async def test_sign_ups_at_once_make_one_account(api: Api) -> None:
    given = {"email": "race@example.com", "password": PASSWORD, "name": "Racer"}
    replies = await asyncio.gather(*(api.nobody.post("/auth/signup", given) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409, 409]


async def test_a_log_out_holds_from_the_next_request(api: Api) -> None:
    ann = await api.sign_up()
    other = await api.sign_in(ann.email)
    reply = await ann.post("/auth/logout")
    assert (reply.status, reply.raw) == (204, b"")
    assert (await ann.get("/auth/me")).code == "session_over"
    assert await is_in(other, other.token)


async def test_who_has_no_valid_token_is_told(api: Api) -> None:
    for token, code in (("", "no_token"), ("nonsense", "token_invalid")):
        for method, path in (("GET", "/auth/me"), ("POST", "/auth/logout"), ("POST", "/auth/resend-verification")):
            reply = await api.as_(token).ask(method, path)
            assert (reply.status, reply.code) == (401, code)


async def test_an_expired_token_is_told_as_such(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, access_token_s=0) as api:
        ann = await api.sign_up()
        assert (await ann.get("/auth/me")).code == "token_expired"


async def test_letters_confirm_an_address(api: Api, mail: Path) -> None:
    ann = await api.sign_up(verified=False)
    first = token_of(await letter(mail, ann.email, "Confirm your e-mail address"))
    assert (await ann.post("/auth/resend-verification")).status == 204
    second = token_of(await letter(mail, ann.email, "Confirm your e-mail address"))
    void = await api.nobody.post("/auth/verify-email", {"token": first})
    assert (void.status, void.code, void.param) == (422, "token_invalid", "token")
    assert (await api.nobody.post("/auth/verify-email", {"token": second})).status == 204
    assert (await ann.get("/auth/me")).body["user"]["is_verified"]


async def test_a_forgotten_password_is_replaced_by_letter(api: Api, mail: Path) -> None:
    ann = await api.sign_up()
    for email in (ann.email, "nobody.at.all@example.com"):
        reply = await api.nobody.post("/auth/forgot-password", {"email": email})
        assert (reply.status, reply.raw) == (204, b"")
    token = token_of(await letter(mail, ann.email, "Choose a new password"))
    asked = (api.nobody.post("/auth/reset-password", {"token": token, "new_password": NEW}) for _ in range(4))
    assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [204, 422, 422, 422]
    assert not await is_in(ann, ann.token)
    assert (await api.nobody.post("/auth/login", {"email": ann.email, "password": PASSWORD})).status == 401
    assert (await api.sign_in(ann.email, NEW)).id == ann.id
    await letter(mail, ann.email, "Your password was changed")


async def test_sign_ins_are_limited_for_each_account(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"forgot": (2, 3600)}) as api:
        replies = [await api.nobody.post("/auth/forgot-password", {"email": "a@example.com"}) for _ in range(3)]
        assert [reply.status for reply in replies] == [204, 204, 429]
