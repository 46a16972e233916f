"""/auth/password, /auth/sessions, /auth/reauthenticate, /auth/totp and a workspace's rules for sign-ins."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from control.accounts.emails.service import EMAIL_JOB, EmailSender
from control.accounts.second_factors import totp as second_factors_totp
from shared.secrets import Sealer
from tests.control.accounts.accounts_platform import RecordingGateway
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import Client, Staff, User
from tests.platform.services import KEY

NEW = "violin 48 tractor plum"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def subjects(api: Api) -> list[str]:
    """Of the queued letters, which are removed."""
    gateway = RecordingGateway()
    for row in await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", EMAIL_JOB):
        await EmailSender(Sealer([KEY]), gateway, "us@vocalized.example").send(row["payload"])
    return [message["Subject"] for message in gateway.messages]


async def enroll(user: User) -> tuple[str, list[str]]:
    """Enables a second factor; returns its secret and the recovery codes."""
    offer = await user.post("/auth/totp", {"password": PASSWORD})
    assert offer.status == 200, offer.body
    secret: str = offer.body["secret"]
    assert (await user.post("/auth/totp/confirm", {"code": code_of(secret)})).status == 204
    return secret, offer.body["recovery_codes"]


def code_of(secret: str, steps: int = 0) -> str:
    """Of this moment's time step, or one of those after it."""
    return second_factors_totp.code_at(
        secret, datetime.now(UTC) + timedelta(seconds=steps * second_factors_totp.STEP_S)
    )


async def make_stale(api: Api, person: User | Staff) -> None:
    """Makes all of the person's sign-ins an hour old."""
    column = "admin_id" if isinstance(person, Staff) else "user_id"
    await api.owner.execute(
        f"UPDATE sessions SET created_at = created_at - interval '1 hour', "
        f"authenticated_at = authenticated_at - interval '1 hour' WHERE {column} = $1::uuid",
        person.id,
    )


async def is_signed_in(client: Client, path: str = "/auth/me") -> bool:
    return (await client.get(path)).status == 200


async def test_a_new_password_ends_the_other_sessions(api: Api) -> None:
    ann = await api.sign_up()
    other = await api.sign_in(ann.email)
    await subjects(api)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await ann.post("/auth/password", body | {"current_password": "wrong"})).code == "invalid_credentials"
    assert (await ann.post("/auth/password", body | {"new_password": "short"})).param == "new_password"
    assert await is_signed_in(other)
    assert (await ann.post("/auth/password", body)).status == 204
    assert await is_signed_in(ann) and not await is_signed_in(other)
    assert await subjects(api) == ["Your password was changed"]
    kept = await api.sign_in(ann.email, NEW)
    again = {"current_password": NEW, "new_password": PASSWORD, "keep_other_sessions": True}
    assert (await ann.post("/auth/password", again)).status == 204
    assert await is_signed_in(kept)


async def test_wrong_present_passwords_wait(api: Api) -> None:
    ann = await api.sign_up()
    body = {"current_password": "wrong", "new_password": NEW}
    codes = [(await ann.post("/auth/password", body)).code for _ in range(7)]
    assert codes == ["invalid_credentials"] * 6 + ["sign_in_locked"]


async def test_sessions_are_listed_and_ended(api: Api) -> None:
    ann, eve = await api.sign_up(), await api.sign_up()
    reply = await api.anonymous.post(
        "/auth/login", {"email": ann.email, "password": PASSWORD}, headers={"User-Agent": "Phone 1.0"}
    )
    phone = User(api.anonymous, ann.email, reply.body)
    listed = (await ann.get("/auth/sessions")).body["sessions"]
    assert [one["is_current"] for one in listed] == [False, True]
    assert listed[0]["user_agent"] == "Phone 1.0" and listed[0]["network"] == "127.0.0.0/24"
    assert listed[0]["last_used_at"] >= listed[0]["created_at"]
    assert (await eve.delete(f"/auth/sessions/{listed[0]['id']}")).code == "session_not_found"
    assert await is_signed_in(phone)
    assert (await ann.delete(f"/auth/sessions/{listed[0]['id']}")).status == 204
    assert not await is_signed_in(phone) and await is_signed_in(ann)
    assert (await ann.delete(f"/auth/sessions/{listed[0]['id']}")).code == "session_not_found"
    third = await api.sign_in(ann.email)
    assert (await ann.delete("/auth/sessions")).status == 204
    assert not await is_signed_in(third) and await is_signed_in(ann)
    assert len((await ann.get("/auth/sessions")).body["sessions"]) == 1


async def test_sensitive_things_need_a_recent_sign_in(api: Api) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    await api.join(workspace_id, bob, "viewer")
    new_key = {"name": "CRM", "scopes": ["calls:read"]}
    attempts = [
        ("POST", f"/workspaces/{workspace_id}/api-keys", new_key),
        ("PUT", f"/workspaces/{workspace_id}/members/{bob.id}", {"role": "member"}),
        ("DELETE", f"/workspaces/{workspace_id}/billing/payment-method", None),
        ("PUT", f"/workspaces/{workspace_id}/sign-in-rules", {"second_factor_required": False}),
        ("DELETE", "/auth/totp", {"code": "123456"}),
        ("DELETE", f"/workspaces/{workspace_id}", None),
    ]
    await make_stale(api, ann)
    for method, path, body in attempts:
        reply = await ann.ask(method, path, body)
        assert (reply.status, reply.code) == (403, "reauthentication_required"), (method, path)
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 200
    assert (await ann.post("/auth/reauthenticate", {"password": "wrong"})).code == "invalid_credentials"
    assert (await ann.post("/auth/reauthenticate", {})).param == "code"
    assert (await ann.post("/auth/reauthenticate", {"code": "123456"})).code == "totp_not_enabled"
    assert (await ann.post("/auth/reauthenticate", {"password": PASSWORD})).status == 204
    for method, path, body in attempts:
        reply = await ann.ask(method, path, body)
        assert reply.status < 400 or reply.code != "reauthentication_required", (method, path)
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 404  # the last one deleted it


async def test_another_session_stays_as_old_as_it_is(api: Api) -> None:
    ann = await api.sign_up()
    other = await api.sign_in(ann.email)
    workspace_id = await ann.workspace()
    await make_stale(api, ann)
    await ann.post("/auth/reauthenticate", {"password": PASSWORD})
    assert (await other.delete(f"/workspaces/{workspace_id}")).code == "reauthentication_required"


async def test_a_second_factor_is_set_up_and_asked_for(api: Api) -> None:
    ann = await api.sign_up()
    assert (await ann.get("/auth/totp")).body == {"is_enabled": False, "recovery_codes_left": 0}
    assert (await ann.post("/auth/totp", {"password": "wrong"})).code == "invalid_credentials"
    assert (await ann.post("/auth/totp/confirm", {"code": "123456"})).code == "totp_not_begun"
    await subjects(api)
    secret, recovery_codes = await enroll(ann)
    assert await subjects(api) == ["Your second factor was set up"]
    credentials = {"email": ann.email, "password": PASSWORD}
    refused = await api.anonymous.post("/auth/login", credentials)
    assert (refused.status, refused.code) == (401, "totp_required")
    wrong = await api.anonymous.post(
        "/auth/login", credentials | {"password": "wrong", "totp_code": code_of(secret, 1)}
    )
    assert wrong.code == "invalid_credentials"
    used = await api.anonymous.post("/auth/login", credentials | {"totp_code": code_of(secret)})
    assert used.code == "totp_invalid"
    assert (await api.anonymous.post("/auth/login", credentials | {"totp_code": code_of(secret, 1)})).status == 200
    recovered = {"recovery_code": recovery_codes[0]}
    assert (await api.anonymous.post("/auth/login", credentials | recovered)).status == 200
    assert (await api.anonymous.post("/auth/login", credentials | recovered)).code == "recovery_code_invalid"
    assert (await ann.get("/auth/totp")).body == {"is_enabled": True, "recovery_codes_left": 9}
    renewed = await ann.post("/auth/totp/recovery-codes", {"recovery_code": recovery_codes[1]})
    assert len(renewed.body["recovery_codes"]) == 10
    await make_stale(api, ann)
    proof = {"recovery_code": renewed.body["recovery_codes"][0]}
    assert (await ann.post("/auth/reauthenticate", proof)).status == 204
    assert (await ann.delete("/auth/totp", {"recovery_code": renewed.body["recovery_codes"][1]})).status == 204
    assert (await api.anonymous.post("/auth/login", credentials)).status == 200
    actions = await api.owner.fetch(
        "SELECT action FROM audit_log WHERE actor_id = $1::uuid AND resource_type = 'user' ORDER BY id", ann.id
    )
    assert [row["action"] for row in actions][-2:] == ["user.recovery_code_use", "user.totp_remove"]


async def test_codes_are_guessed_no_faster_from_many_networks(api: Api) -> None:
    ann = await api.sign_up()
    secret, _ = await enroll(ann)
    credentials = {"email": ann.email, "password": PASSWORD, "totp_code": "000000"}
    codes = [(await api.anonymous.post("/auth/login", credentials)).code for _ in range(7)]
    assert codes == ["totp_invalid"] * 6 + ["sign_in_locked"]
    known = await api.anonymous.post("/auth/login", credentials | {"totp_code": code_of(secret, 1)})
    assert known.code == "sign_in_locked"


async def test_a_workspace_demands_a_second_factor(api: Api) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    await api.join(workspace_id, bob, "admin")
    rules, demanded = f"/workspaces/{workspace_id}/sign-in-rules", {"second_factor_required": True}
    assert (await ann.put(rules, demanded)).code == "second_factor_missing"
    await enroll(ann)
    assert (await bob.put(rules, demanded)).code == "role"
    assert (await ann.put(rules, demanded)).body == demanded
    refused = await bob.get(f"/workspaces/{workspace_id}")
    assert (refused.status, refused.code) == (403, "second_factor_required")
    assert (await bob.get("/auth/me")).status == 200
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 200
    await enroll(bob)
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
    assert (await ann.put(rules, {"second_factor_required": False})).body == {"second_factor_required": False}
    assert (await (await api.sign_up()).get(f"/workspaces/{workspace_id}")).status == 404


async def test_staff_have_the_same(api: Api) -> None:
    sam = await api.admin()
    signed_in = await api.anonymous.post("/admin/auth/login", {"email": sam.email, "password": PASSWORD})
    other = Staff(api.anonymous, sam.email, signed_in.body)
    sessions = (await sam.get("/admin/auth/sessions")).body["sessions"]
    assert [session["is_current"] for session in sessions] == [False, True]
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await sam.post("/admin/auth/password", body)).status == 204
    assert not await is_signed_in(other, "/admin/auth/me") and await is_signed_in(sam, "/admin/auth/me")
    await make_stale(api, sam)
    offer = await sam.post("/admin/auth/totp", {"password": NEW})
    confirm = {"code": code_of(offer.body["secret"])}
    assert (await sam.post("/admin/auth/totp/confirm", confirm)).code == "reauthentication_required"
    assert (await sam.post("/admin/auth/reauthenticate", {"password": NEW})).status == 204
    assert (await sam.post("/admin/auth/totp/confirm", confirm)).status == 204
    assert (await sam.delete(f"/admin/auth/sessions/{sessions[1]['id']}")).status == 204
    assert not await is_signed_in(sam, "/admin/auth/me")
