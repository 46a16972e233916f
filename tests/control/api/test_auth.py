"""/auth/…: users' sign-in, and the email that a real worker delivers."""

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from control.db.logins import WORKER, with_login
from control.services import Policies
from control.worker import BackgroundWorkerOptions, run_worker
from shared.key_sets import KeySets
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import User
from tests.platform.services import CHEAP_HASHING, KEY, worker_outside

NEW = "violin 48 tractor plum"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def mailbox(api: Api, database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder into which a running worker delivers email."""
    options = BackgroundWorkerOptions(
        with_login(database_url, WORKER),
        KeySets.all_from([KEY]),
        Policies(links="https://app.example.com", hashing=CHEAP_HASHING),
        tmp_path.as_uri(),
        "us@example.com",
        worker_outside(valkey_url, tmp_path / "objects"),
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_worker(options, stop))
        yield tmp_path
        stop.set()


async def next_email(folder: Path, to: str, subject: str) -> str:
    """The text of the next such email, which is removed from the folder."""
    async with asyncio.timeout(20):
        while not (found := await asyncio.to_thread(_take_email, folder, to, subject)):  # noqa: ASYNC110 -- a file sets no event
            await asyncio.sleep(0.02)
    return found


def _take_email(folder: Path, to: str, subject: str) -> str:
    for path in sorted(folder.glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        if (message["To"], message["Subject"]) == (to, subject):
            path.unlink()
            text: str = message.get_content()
            return text
    return ""


def token_of(text: str) -> str:
    found = re.search(r"#token=(\S+)", text)
    assert found
    return found[1]


async def is_signed_in(person: User, token: str) -> bool:
    return (await person.with_token(token).get("/auth/me")).status == 200


async def test_sign_up_responds_as_specified_and_signs_in(api: Api) -> None:
    account = {"email": "Ada@Example.com", "password": PASSWORD, "name": " Ada Lovelace "}
    reply = await api.anonymous.post("/auth/signup", account)
    assert reply.status == 201
    user = reply.body["user"]
    assert user == {"id": user["id"], "email": "ada@example.com", "name": "Ada Lovelace", "is_verified": False}
    assert reply.body.keys() == {"token", "refresh_token", "expires_in", "user", "device_token"}
    assert reply.body["expires_in"] == 600
    me = await api.with_token(reply.body["token"]).get("/auth/me")
    assert (me.status, me.body) == (200, {"user": user, "workspaces": []})
    repeated = await api.anonymous.post("/auth/signup", account | {"email": "ADA@example.com"})
    assert (repeated.status, repeated.code) == (409, "email_taken")


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
async def test_invalid_sign_up_names_the_field(api: Api, change: dict[str, str], param: str) -> None:
    account = {"email": "new@example.com", "password": PASSWORD, "name": "New"} | change
    reply = await api.anonymous.post("/auth/signup", account)
    assert (reply.status, reply.param) == (422, param)
    assert PASSWORD.encode() not in reply.raw


async def test_email_to_an_unconfirmed_address_holds_no_name(api: Api, mailbox: Path) -> None:
    unverified = await api.sign_up(name="You have won", verified=False)
    assert (await api.anonymous.post("/auth/forgot-password", {"email": unverified.email})).status == 204
    for subject in ("Confirm your e-mail address", "Choose a new password"):
        assert "won" not in await next_email(mailbox, unverified.email, subject)


async def test_sign_in_returns_the_workspaces(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace("Acme Dental")
    reply = await api.anonymous.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert reply.status == 200 and reply.body["user"]["is_verified"]
    [workspace] = reply.body["workspaces"]
    assert (workspace["id"], workspace["role"], workspace["name"]) == (workspace_id, "owner", "Acme Dental")
    assert (await ann.get("/auth/me")).body["workspaces"] == [workspace]


async def test_failed_sign_ins_are_counted(api: Api) -> None:
    ann = await api.sign_up()
    for email in (ann.email, "nobody@example.com"):
        wrong = {"email": email, "password": "not the password"}
        replies = [await api.anonymous.post("/auth/login", wrong) for _ in range(7)]
        assert [reply.status for reply in replies] == [401] * 6 + [429]
        assert {reply.code for reply in replies[:6]} == {"invalid_credentials"}
        assert replies[6].code == "sign_in_locked" and 1 <= int(replies[6].headers["Retry-After"]) <= 2
    locked = await api.anonymous.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert locked.status == 429


async def test_a_known_device_signs_in_while_its_network_waits(api: Api) -> None:
    ann = await api.sign_up()
    credentials = {"email": ann.email, "password": PASSWORD}
    device = (await api.anonymous.post("/auth/login", credentials)).body["device_token"]
    for _ in range(6):
        await api.anonymous.post("/auth/login", credentials | {"password": "not the password"})
    assert (await api.anonymous.post("/auth/login", credentials)).code == "sign_in_locked"
    signed_in = await api.anonymous.post("/auth/login", credentials | {"device_token": device})
    assert (signed_in.status, signed_in.body["device_token"]) == (200, device)
    malformed = await api.anonymous.post("/auth/login", credentials | {"device_token": "short"})
    assert (malformed.status, malformed.param) == (422, "device_token")


async def test_nobody_holds_an_address_by_guessing_from_elsewhere(database_url: str, valkey_url: str) -> None:
    async with running_api(
        database_url, valkey_url, trusted_proxies=["127.0.0.0/8"], limits={"login": (20, 60)}
    ) as api:
        sam, ann = await api.admin(), await api.sign_up()
        for path, email in (("/admin/auth/login", sam.email), ("/auth/login", ann.email)):
            for number in range(30):
                wrong = {"email": email, "password": "not the password"}
                headers = {"X-Forwarded-For": f"198.51.{number % 3}.{number}"}
                assert (await api.anonymous.post(path, wrong, headers=headers)).status in (401, 429)
            own = await api.anonymous.post(
                path, {"email": email, "password": PASSWORD}, headers={"X-Forwarded-For": "192.0.2.7"}
            )
            assert own.status == 200


async def test_letters_to_one_address_are_capped(api: Api, mailbox: Path) -> None:
    ann = await api.sign_up(verified=False)
    sent = [(await ann.post("/auth/resend-verification")).status for _ in range(5)]
    assert sent == [204] * 4 + [429]  # the first one was sent at the sign-up
    assert (await ann.post("/auth/resend-verification")).code == "letter_limit"
    for _ in range(7):
        assert (await api.anonymous.post("/auth/forgot-password", {"email": ann.email})).status == 204
    tokens = [token_of(await next_email(mailbox, ann.email, "Choose a new password")) for _ in range(5)]
    assert await api.owner.fetchval("SELECT max(in_day) FROM letter_counts") == 5
    reset = {"token": tokens[-1], "new_password": NEW}
    statuses = [(await api.anonymous.post("/auth/reset-password", reset | {"token": token})).status for token in tokens]
    assert sorted(statuses) == [204, 422, 422, 422, 422]


async def test_refresh_rotates_and_reuse_ends_the_session(api: Api) -> None:
    ann = await api.sign_up()
    second = await api.anonymous.post("/auth/refresh", {"refresh_token": ann.refresh_token})
    assert second.status == 200 and second.body.keys() == {"token", "refresh_token", "expires_in"}
    assert await is_signed_in(ann, second.body["token"])
    reused = await api.anonymous.post("/auth/refresh", {"refresh_token": ann.refresh_token})
    assert (reused.status, reused.code) == (401, "refresh_token_reused")
    assert not await is_signed_in(ann, second.body["token"]) and not await is_signed_in(ann, ann.token)


async def test_concurrent_refreshes_succeed_once(api: Api) -> None:
    ann = await api.sign_up()
    requests = (api.anonymous.post("/auth/refresh", {"refresh_token": ann.refresh_token}) for _ in range(5))
    replies = await asyncio.gather(*requests)
    assert sorted(reply.status for reply in replies) == [200, 401, 401, 401, 401]


async def test_concurrent_sign_ups_create_one_account(api: Api) -> None:
    account = {"email": "race@example.com", "password": PASSWORD, "name": "Racer"}
    replies = await asyncio.gather(*(api.anonymous.post("/auth/signup", account) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409, 409]


async def test_log_out_ends_the_session_at_once(api: Api) -> None:
    ann = await api.sign_up()
    other = await api.sign_in(ann.email)
    reply = await ann.post("/auth/logout")
    assert (reply.status, reply.raw) == (204, b"")
    assert (await ann.get("/auth/me")).code == "session_over"
    assert await is_signed_in(other, other.token)


async def test_missing_and_invalid_tokens_are_401(api: Api) -> None:
    for token, code in (("", "no_token"), ("nonsense", "token_invalid")):
        for method, path in (("GET", "/auth/me"), ("POST", "/auth/logout"), ("POST", "/auth/resend-verification")):
            reply = await api.with_token(token).ask(method, path)
            assert (reply.status, reply.code) == (401, code)


async def test_expired_token_has_its_own_code(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, access_token_s=0) as api:
        ann = await api.sign_up()
        assert (await ann.get("/auth/me")).code == "token_expired"


async def test_email_link_confirms_an_address(api: Api, mailbox: Path) -> None:
    ann = await api.sign_up(verified=False)
    first = token_of(await next_email(mailbox, ann.email, "Confirm your e-mail address"))
    assert (await ann.post("/auth/resend-verification")).status == 204
    second = token_of(await next_email(mailbox, ann.email, "Confirm your e-mail address"))
    replaced = await api.anonymous.post("/auth/verify-email", {"token": first})
    assert (replaced.status, replaced.code, replaced.param) == (422, "token_invalid", "token")
    assert (await api.anonymous.post("/auth/verify-email", {"token": second})).status == 204
    assert (await ann.get("/auth/me")).body["user"]["is_verified"]


async def test_email_link_replaces_a_forgotten_password(api: Api, mailbox: Path) -> None:
    ann = await api.sign_up()
    for email in (ann.email, "nobody.at.all@example.com"):
        reply = await api.anonymous.post("/auth/forgot-password", {"email": email})
        assert (reply.status, reply.raw) == (204, b"")
    token = token_of(await next_email(mailbox, ann.email, "Choose a new password"))
    requests = (api.anonymous.post("/auth/reset-password", {"token": token, "new_password": NEW}) for _ in range(4))
    assert sorted(reply.status for reply in await asyncio.gather(*requests)) == [204, 422, 422, 422]
    assert not await is_signed_in(ann, ann.token)
    assert (await api.anonymous.post("/auth/login", {"email": ann.email, "password": PASSWORD})).status == 401
    assert (await api.sign_in(ann.email, NEW)).id == ann.id
    await next_email(mailbox, ann.email, "Your password was changed")


async def test_password_resets_are_limited_per_account(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"forgot": (2, 3600)}) as api:
        replies = [await api.anonymous.post("/auth/forgot-password", {"email": "a@example.com"}) for _ in range(3)]
        assert [reply.status for reply in replies] == [204, 204, 429]
