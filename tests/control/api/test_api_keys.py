"""API keys: made, listed, changed, rotated and revoked by admins; what each secret may, and when it ends."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from control.api_keys.service import MOST_KEYS
from control.http.key_text import PATTERN, make_secret
from shared.ids import new_id
from tests.control.api.key_workspace import KeyWorkspace
from tests.platform.api import Api, running_api
from tests.platform.bus_node import wait_until
from tests.platform.clients import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(api: Api) -> KeyWorkspace:
    """Of all tests that leave its owner, and room for their keys."""
    return await KeyWorkspace.make(api)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh_workspace(api: Api) -> KeyWorkspace:
    return await KeyWorkspace.make(api)


async def test_secret_is_shown_once_and_stored_as_a_hash(fresh_workspace: KeyWorkspace) -> None:
    created = await fresh_workspace.create("calls:read", "agents:read")
    secret, key = created["secret"], created["api_key"]
    assert re.fullmatch(PATTERN, secret)
    assert (key["name"], key["scopes"], key["last_used_at"]) == ("CRM", ["agents:read", "calls:read"], None)
    listed = await fresh_workspace.ann.get(fresh_workspace.keys)
    assert listed.body == {"api_keys": [key], "has_more": False}
    (shown,) = key["secrets"]
    assert shown["prefix"] == secret[:14] and shown["holder_email"] == fresh_workspace.ann.email
    assert secret not in listed.raw.decode()
    stored = await fresh_workspace.api.owner.fetch(
        "SELECT to_jsonb(s)::text || to_jsonb(k)::text AS row FROM api_key_secrets s JOIN api_keys k ON k.id = s.key_id"
    )
    assert len(stored) >= 1 and not any(secret[14:] in row["row"] for row in stored)


async def test_key_reads_and_changes_what_its_scopes_say(workspace: KeyWorkspace) -> None:
    reader = await workspace.client("agents:read")
    assert (await reader.get(f"{workspace.path}/agents")).status == 200
    assert (await reader.get("/templates")).status == 200
    with capture_logs() as logs:
        refused = await reader.post(f"{workspace.path}/agents", {"name": "A"})
    assert (refused.status, refused.code) == (403, "scope")
    assert [line["code"] for line in logs if line["event"] == "api_key.refused"] == ["scope"]
    assert "agents:write" in refused.body["error"]["message"]
    writer = await workspace.client("agents:write")
    agent = await writer.post(f"{workspace.path}/agents", {"name": "A"})
    assert agent.status == 201, agent.body
    assert (await writer.get(f"{workspace.path}/agents")).code == "scope"


async def test_log_and_audit_log_name_the_key(fresh_workspace: KeyWorkspace) -> None:
    created = await fresh_workspace.create("workspace:write")
    with capture_logs() as logs:
        reply = await fresh_workspace.api.with_token(created["secret"]).put(fresh_workspace.path, {"name": "New"})
    assert reply.status == 200
    (line,) = [line for line in logs if line["event"] == "request.answered"]
    assert line["api_key_id"] == created["api_key"]["id"] and "user_id" not in line
    entry = await fresh_workspace.api.owner.fetchrow(
        "SELECT actor, actor_id, actor_email FROM audit_log WHERE action = 'workspace.update' AND resource_id = $1",
        fresh_workspace.id,
    )
    assert dict(entry) == {
        "actor": "api_key", "actor_id": UUID(created["api_key"]["id"]), "actor_email": fresh_workspace.ann.email,
    }  # fmt: skip
    staff = await fresh_workspace.api.admin("support")
    lines = (await staff.get("/admin/logs/activity", params={"action": "workspace.update"})).body
    assert '"actor": "api_key"' in json.dumps(lines)


async def test_life_of_a_key_is_audited_without_its_secret(workspace: KeyWorkspace) -> None:
    created = await workspace.create("agents:read", "calls:read")
    key = f"{workspace.keys}/{created['api_key']['id']}"
    await workspace.ann.put(key, {"scopes": ["calls:read"]})
    rotated = await workspace.ann.post(f"{key}/rotate", {"overlap_s": 60})
    await workspace.ann.delete(key)
    entries = await workspace.api.owner.fetch(
        "SELECT action, details::text FROM audit_log WHERE resource_id = $1 ORDER BY id", created["api_key"]["id"]
    )
    actions = ["api_key.create", "api_key.update", "api_key.rotate", "api_key.revoke"]
    assert [entry["action"] for entry in entries] == actions
    texts = " ".join(entry["details"] for entry in entries)
    assert created["secret"][8:20] not in texts and rotated.body["secret"][8:20] not in texts
    assert "agents:read" in texts and '"overlap_s": 60' in texts


@pytest.mark.parametrize("fault", ["forged", "truncated", "checksum", "longer", "letters", "other case"])
async def test_rejects_all_invalid_keys_alike(workspace: KeyWorkspace, fault: str) -> None:
    secret = (await workspace.create())["secret"]
    last = "0" if secret[-1] != "0" else "1"
    made = {
        "forged": make_secret(),
        "truncated": secret[:-1],
        "checksum": secret[:-1] + last,
        "longer": secret + "0",
        "letters": secret[:20] + "é" + secret[21:],
        "other case": secret.swapcase(),
    }
    with capture_logs() as logs:
        reply = await workspace.api.with_token(made[fault]).get(workspace.path)
    assert (reply.status, reply.code) == (401, "token_invalid" if fault == "other case" else "key_invalid")
    assert made[fault][8:] not in reply.raw.decode() + repr(logs)


async def test_key_of_another_workspace_finds_none(workspace: KeyWorkspace) -> None:
    bob = await workspace.api.sign_up()
    theirs = await bob.workspace()
    key = await workspace.client()
    # The holder is a member there; the key is not.
    await workspace.api.join(theirs, workspace.ann, "owner")
    (own,) = (await key.get("/workspaces")).body["workspaces"]
    assert (own["id"], own["role"]) == (workspace.id, "admin")
    for path in (f"/workspaces/{theirs}", f"/workspaces/{new_id()}", "/workspaces/none"):
        reply = await key.get(path)
        assert (reply.status, reply.code) == (404, "workspace_not_found")


async def test_key_ends_at_its_time_and_can_be_prolonged(workspace: KeyWorkspace) -> None:
    created = await workspace.create(expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    client, path = workspace.api.with_token(created["secret"]), f"{workspace.keys}/{created['api_key']['id']}"
    assert (await client.get(workspace.path)).status == 200
    await workspace.api.owner.execute(
        "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1", UUID(created["api_key"]["id"])
    )
    refused = await client.get(workspace.path)
    assert (refused.status, refused.code) == (401, "key_expired")
    assert (await workspace.listed(created["api_key"]["id"]))["is_expired"]
    assert (await workspace.ann.post(f"{path}/rotate", {})).code == "api_key_expired"
    assert (await workspace.ann.put(path, {"expires_at": None})).status == 200
    assert (await client.get(workspace.path)).status == 200
    past = await workspace.ann.put(path, {"expires_at": "2020-01-01T00:00:00Z"})
    assert (past.code, past.param) == ("expiry_in_the_past", "expires_at")


async def test_rotation_leaves_the_old_secret_valid_for_the_overlap(workspace: KeyWorkspace) -> None:
    created = await workspace.create()
    path = f"{workspace.keys}/{created['api_key']['id']}"
    old = workspace.api.with_token(created["secret"])
    rotated = await workspace.ann.post(f"{path}/rotate", {"overlap_s": 3600})
    assert rotated.status == 200 and rotated.body["secret"] != created["secret"]
    new, replaced = rotated.body["api_key"]["secrets"]
    assert new["expires_at"] is None and replaced["expires_at"] is not None
    fresh = workspace.api.with_token(rotated.body["secret"])
    assert [(await client.get(workspace.path)).status for client in (old, fresh)] == [200, 200]
    await workspace.api.owner.execute("UPDATE api_key_secrets SET expires_at = now() WHERE expires_at IS NOT NULL")
    assert (await old.get(workspace.path)).code == "key_expired"
    at_once = await workspace.ann.post(f"{path}/rotate", {"overlap_s": 0})
    assert len(at_once.body["api_key"]["secrets"]) == 1
    assert [(await client.get(workspace.path)).status for client in (old, fresh)] == [401, 401]
    assert (await workspace.api.with_token(at_once.body["secret"]).get(workspace.path)).status == 200


async def test_rotations_leave_few_secrets_valid(workspace: KeyWorkspace) -> None:
    path = f"{workspace.keys}/{(await workspace.create())['api_key']['id']}"
    statuses = [(await workspace.ann.post(f"{path}/rotate", {})).status for _ in range(3)]
    assert statuses == [200, 200, 409]
    assert (await workspace.ann.post(f"{path}/rotate", {})).code == "secret_limit"
    assert (await workspace.ann.post(f"{path}/rotate", {"overlap_s": 0})).status == 200


async def test_revocation_holds_within_a_second_in_every_process(
    workspace: KeyWorkspace, database_url: str, valkey_url: str
) -> None:
    """Requests keep coming in two processes' applications, while a third client revokes the key."""
    created = await workspace.create()
    async with running_api(database_url, valkey_url) as second:
        clients = [workspace.api.with_token(created["secret"]), second.with_token(created["secret"])]
        are_flowing = asyncio.Event()
        answers: list[tuple[float, int]] = []

        async def ask(client: Client) -> None:
            while True:
                began = monotonic()
                reply = await client.get(workspace.path)
                answers.append((began, reply.status))
                if len(answers) == 20:
                    are_flowing.set()
                if reply.status != 200:
                    return

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for client in clients * 2:
                tasks.create_task(ask(client))
            await are_flowing.wait()
            assert (await workspace.ann.delete(f"{workspace.keys}/{created['api_key']['id']}")).status == 204
            over = monotonic()
    late = [status for began, status in answers if began > over]
    assert [status for _, status in answers].count(401) == 4 and set(late) <= {401}


async def test_key_acts_with_its_holders_role_of_now(workspace: KeyWorkspace) -> None:
    bob = await workspace.api.member(workspace.id, "admin")
    key = await workspace.client("workspace:write", "workspace:read", by=bob)
    assert (await key.put(workspace.path, {"name": "New"})).status == 200
    await workspace.ann.put(f"{workspace.path}/members/{bob.id}", {"role": "viewer"})
    refused = await key.put(workspace.path, {"name": "Newer"})
    assert (refused.status, refused.code) == (403, "role")
    assert (await key.get(workspace.path)).body["workspace"]["role"] == "viewer"


async def test_key_of_an_owner_acts_as_an_admin(workspace: KeyWorkspace) -> None:
    key = await workspace.client("workspace:read")
    assert (await key.get(workspace.path)).body["workspace"]["role"] == "admin"


async def test_key_rests_when_its_holder_leaves_until_another_admin_rotates_it(workspace: KeyWorkspace) -> None:
    bob = await workspace.api.member(workspace.id, "admin")
    created = await workspace.create(by=bob)
    key = workspace.api.with_token(created["secret"])
    assert (await key.get(workspace.path)).status == 200
    assert (await workspace.ann.delete(f"{workspace.path}/members/{bob.id}")).status == 204
    refused = await key.get(workspace.path)
    assert (refused.status, refused.code) == (401, "key_without_holder")
    (secret,) = (await workspace.listed(created["api_key"]["id"]))["secrets"]
    assert secret["holder_is_member"] is False
    rotated = await workspace.ann.post(f"{workspace.keys}/{created['api_key']['id']}/rotate", {})
    assert (await workspace.api.with_token(rotated.body["secret"]).get(workspace.path)).status == 200
    assert (await key.get(workspace.path)).code == "key_without_holder"


async def test_deactivated_holder_and_deleted_workspace_end_the_key(fresh_workspace: KeyWorkspace) -> None:
    key = await fresh_workspace.client()
    await fresh_workspace.api.owner.execute(
        "UPDATE users SET is_active = false WHERE id = $1", UUID(fresh_workspace.ann.id)
    )
    assert (await key.get(fresh_workspace.path)).code == "key_without_holder"
    await fresh_workspace.api.owner.execute(
        "UPDATE users SET is_active = true WHERE id = $1", UUID(fresh_workspace.ann.id)
    )
    assert (await key.get(fresh_workspace.path)).status == 200
    assert (await fresh_workspace.ann.delete(fresh_workspace.path)).status == 204
    assert (await key.get(fresh_workspace.path)).code == "key_invalid"


async def test_last_use_is_written_once_a_minute_at_most(workspace: KeyWorkspace) -> None:
    created = await workspace.create("workspace:read")
    key, owner = workspace.api.with_token(created["secret"]), workspace.api.owner

    async def last_use() -> datetime | None:
        found: datetime | None = await owner.fetchval(
            "SELECT last_used_at FROM api_key_secrets WHERE key_id = $1", UUID(created["api_key"]["id"])
        )
        return found

    assert (await key.get(f"{workspace.path}/agents")).code == "scope"
    assert await last_use() is None, "a refused request counts as none"
    await key.get(workspace.path)
    first = await last_use()
    await asyncio.gather(*(key.get(workspace.path) for _ in range(5)))
    assert first is not None and await last_use() == first
    await owner.execute("UPDATE api_key_secrets SET last_used_at = last_used_at - interval '61 s'")
    await key.get(workspace.path)
    later = await last_use()
    assert later is not None and later >= first
    assert (await workspace.listed(created["api_key"]["id"]))["last_used_at"] is not None


async def test_request_does_not_wait_for_another_that_writes_the_last_use(workspace: KeyWorkspace) -> None:
    created = await workspace.create()
    key, owner = workspace.api.with_token(created["secret"]), workspace.api.owner
    async with owner.transaction():
        await owner.execute(
            "SELECT 1 FROM api_key_secrets WHERE key_id = $1 FOR NO KEY UPDATE", UUID(created["api_key"]["id"])
        )
        async with asyncio.timeout(30):
            assert (await key.get(workspace.path)).status == 200


async def test_revocation_does_not_wait_for_a_request_of_the_key(workspace: KeyWorkspace) -> None:
    created = await workspace.create()
    key, owner = workspace.api.with_token(created["secret"]), workspace.api.owner
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks, owner.transaction():
        await owner.execute("SELECT 1 FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", UUID(workspace.id))
        waiting = tasks.create_task(key.put(workspace.path, {"name": "Waits"}))
        blocked = (
            "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        await wait_until(lambda: owner.fetchval(blocked))
        async with asyncio.timeout(3):
            assert (await workspace.ann.delete(f"{workspace.keys}/{created['api_key']['id']}")).status == 204
            assert (await key.get(workspace.path)).code == "key_invalid"
        assert not waiting.done()
    assert waiting.result().status == 200, "what began before is finished"


async def test_idempotency_keys_are_the_keys_own(workspace: KeyWorkspace) -> None:
    first, second = await workspace.client("calls:write"), await workspace.client("calls:write")
    header = {"Idempotency-Key": "order-1"}
    body = {"caller": "+14155550123"}
    path = f"{workspace.path}/blocked-callers"
    done = await first.post(path, body, headers=header)
    again = await first.post(path, body, headers=header)
    assert (done.status, again.raw, again.headers["Idempotent-Replayed"]) == (201, done.raw, "true")
    other = await second.post(path, body, headers=header)
    assert "Idempotent-Replayed" not in other.headers


async def test_workspace_has_few_keys(fresh_workspace: KeyWorkspace) -> None:
    await fresh_workspace.api.owner.execute(
        "INSERT INTO api_keys (id, workspace_id, name, scopes, created_at) "
        "SELECT gen_random_uuid(), $1, 'x', '{}', now() FROM generate_series(1, $2)",
        UUID(fresh_workspace.id), MOST_KEYS - 1,
    )  # fmt: skip
    body = {"name": "A", "scopes": ["calls:read"], "expires_at": None}
    replies = await asyncio.gather(*(fresh_workspace.ann.post(fresh_workspace.keys, body) for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"api_key_limit"}


async def test_scopes_are_only_taken_away(workspace: KeyWorkspace) -> None:
    created = await workspace.create("calls:read", "calls:write")
    path = f"{workspace.keys}/{created['api_key']['id']}"
    wider = await workspace.ann.put(path, {"scopes": ["calls:read", "billing:read"]})
    assert (wider.status, wider.code, wider.param) == (422, "scopes_widened", "scopes")
    key = workspace.api.with_token(created["secret"])
    assert (await key.get(f"{workspace.path}/blocked-callers")).status == 200
    narrowed = await workspace.ann.put(path, {"scopes": ["calls:write"], "name": "Dialler"})
    assert narrowed.body["api_key"]["scopes"] == ["calls:write"] and narrowed.body["api_key"]["expires_at"] is None
    assert (await key.get(f"{workspace.path}/blocked-callers")).code == "scope"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"scopes": ["calls:read"], "expires_at": None}, "name"),
        ({"name": "A", "scopes": [], "expires_at": None}, "scopes"),
        ({"name": "A", "scopes": ["calls:all"], "expires_at": None}, "scopes.0"),
        ({"name": "A", "scopes": ["calls:read"]}, "expires_at"),
        ({"name": "A", "scopes": ["calls:read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
async def test_faulty_field_is_named(workspace: KeyWorkspace, body: dict[str, Any], param: str) -> None:
    reply = await workspace.ann.post(workspace.keys, body)
    assert (reply.status, reply.param) == (422, param)
