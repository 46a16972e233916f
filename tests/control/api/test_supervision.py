"""Sessions of people who supervise running calls, with a real media node."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.events.service import parse_event, write_events
from media.server.bus.rights import PACE, RightsPace
from shared.bus.client import BusClient, bus_client
from shared.events import Event, LineReturned, LineTaken, SupervisionBegan, SupervisionEnded, SupervisionWhispered
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.control.calls.consumed_events import encoded_event
from tests.media.server.bus.conftest import call_plan
from tests.media.server.bus.test_supervision import close_reason, receive_until
from tests.media.server.phone import Phone
from tests.platform.api import Api, running_api
from tests.platform.bus_node import BusNode, running_bus_node, wait_until
from tests.platform.clients import Reply, User
from tests.platform.services import KEY


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[BusClient]:
    client = bus_client(valkey_url, 5.0)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def api(database_url: str, valkey_url: str, redis: BusClient) -> AsyncIterator[Api]:
    """On an empty Valkey."""
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@asynccontextmanager
async def dialed_call(
    workspace: CallWorkspace, folder: Path, url: str, rights: RightsPace = PACE, **changes: Any
) -> AsyncIterator[tuple[str, BusNode, Phone]]:
    """A call that begins, on a media node of its own. changes: of its plan."""
    ids = {"workspace_id": workspace.workspace_id, "agent_id": workspace.agent_id}
    plan = msgspec.structs.replace(call_plan(), **ids, **changes)
    await workspace.insert_call(id=UUID(plan.call_id), status="in_progress")
    async with running_bus_node(url, folder, keys=[KEY], rights=rights) as node:
        yield plan.call_id, node, await node.dial(await node.with_stream_credential(plan), returns_marks=True)


@asynccontextmanager
async def running_call(
    workspace: CallWorkspace, folder: Path, url: str, rights: RightsPace = PACE, **changes: Any
) -> AsyncIterator[tuple[str, BusNode, Phone]]:
    """The same, in progress, with a caller who says nothing."""
    async with (
        dialed_call(workspace, folder, url, rights, **changes) as (call_id, node, phone),
        phone.sending_silence(),
    ):
        await wait_until(lambda: node.live_call(call_id))
        yield call_id, node, phone


async def open_session(workspace: CallWorkspace, call_id: str, **body: Any) -> Reply:
    return await workspace.ann.post(f"{workspace.calls_path}/{call_id}/supervision", body)


async def test_member_listens_with_the_token(workspace: CallWorkspace, valkey_url: str, tmp_path: Path) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, node, _):
        opened = await open_session(workspace, call_id, mode="listen")
        assert opened.status == 201 and opened.body["rights"] == ["listen"]
        assert opened.body["socket_url"].endswith(f"/media/supervise/{opened.body['token']}")
        listener = await node.listen(opened.body["token"])
        texts, _ = await receive_until(listener, "began")
        assert texts[0]["session_id"] == opened.body["session_id"] and texts[0]["rights"] == ["listen"]
        assert await close_reason(await node.listen(opened.body["token"])) == (1008, "ticket_unknown")
        await listener.close()
    listed = await workspace.ann.get(f"{workspace.calls_path}/{call_id}/supervision")
    (row,) = listed.body["sessions"]
    assert (row["mode"], row["actor"], row["actor_email"]) == ("listen", "user", workspace.ann.email)
    assert await workspace.audit_actions(call_id) == ["call.supervise"]
    stored = await workspace.api.owner.fetchval("SELECT details::text FROM audit_log WHERE resource_id = $1", call_id)
    assert opened.body["token"] not in stored


async def test_session_and_audit_log_have_the_nodes_report(
    workspace: CallWorkspace, valkey_url: str, tmp_path: Path
) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        opened = (await open_session(workspace, call_id, mode="whisper")).body
    session_id, other_id = opened["session_id"], str(UUID(int=7))
    reported: list[Event] = [
        SupervisionBegan(100, session_id, "listen"),
        SupervisionWhispered(200, session_id, "Offer Friday."),
        SupervisionWhispered(300, other_id, "A session that this call does not have."),
        LineTaken(310, session_id),
        LineReturned(390, session_id, 80),
        SupervisionEnded(400, session_id, 300, 0, "left", 80),
    ]
    lines = [encoded_event(call_id, seq, event) for seq, event in enumerate(reported, 1)]
    events = [parse_event(str(seq), line) for seq, line in enumerate(lines, 1)]
    async with workspace.api.owner.transaction():
        await write_events(workspace.api.owner, events)
    (row,) = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}/supervision")).body["sessions"]
    assert row["began_at"] and row["ended_at"] and row["end_reason"] == "left"
    assert (row["heard_ms"], row["spoken_ms"]) == (300, 80)
    names = ("began", "whispered", "speaking", "spoke", "ended")
    actions = ["call.supervise", *(f"call.supervision_{name}" for name in names)]
    # One transaction stores what one batch reports, so that the entries have one time.
    assert sorted(await workspace.audit_actions(call_id)) == sorted(actions)
    rows = await workspace.api.owner.fetch(
        "SELECT actor_email, details::text AS details FROM audit_log WHERE resource_id = $1", call_id
    )
    assert {row["actor_email"] for row in rows} == {workspace.ann.email}
    assert not any("Friday" in row["details"] for row in rows)


async def test_rights_grow_with_the_mode(workspace: CallWorkspace, valkey_url: str, tmp_path: Path) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        rights = [(await open_session(workspace, call_id, mode=mode)).body["rights"] for mode in ("whisper", "speak")]
    assert rights == [["listen", "whisper"], ["listen", "whisper", "speak", "pause"]]


async def test_only_members_of_the_workspace_supervise(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path
) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        path = f"{workspace.calls_path}/{call_id}/supervision"
        viewer = await api.member(workspace.workspace_id, "viewer")
        assert ((await viewer.post(path, {})).status, (await viewer.get(path)).status) == (403, 403)
        other = await make_call_workspace(api)
        assert (await other.ann.post(f"{other.calls_path}/{call_id}/supervision", {})).code == "call_not_found"
        assert (await other.ann.post(path, {})).status == 404


async def test_staff_give_a_reason(workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, node, _):
        staff, path = await api.admin("support"), f"/admin/calls/{call_id}/supervision"
        assert (await staff.post(path, {"mode": "listen"})).status == 422
        assert (await (await api.admin("finance")).post(path, {"reason": "Ticket 12"})).status == 403
        opened = await staff.post(path, {"mode": "listen", "reason": "Ticket 12"})
        assert opened.status == 201
        await receive_until(await node.listen(opened.body["token"]), "began")
    details = await workspace.api.owner.fetchval("SELECT details FROM audit_log WHERE resource_id = $1", call_id)
    assert details["reason"] == "Ticket 12"


async def test_nobody_listens_where_the_workspace_redacts(
    workspace: CallWorkspace, valkey_url: str, tmp_path: Path
) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        assert (await workspace.ann.put(workspace.path, {"redaction": ["card_number"]})).status == 200
        assert (await open_session(workspace, call_id)).code == "redaction_forbids_listening"


async def test_nobody_listens_after_a_refusal(workspace: CallWorkspace, valkey_url: str, tmp_path: Path) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        refused = {"consent": {"refused_at": "2026-12-03T04:00:00+00:00", "refused_by": "words"}}
        await workspace.api.owner.execute("UPDATE calls SET details = $2 WHERE id = $1", UUID(call_id), refused)
        assert (await open_session(workspace, call_id)).code == "recording_refused"


async def test_sessions_of_a_workspace_are_limited(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path
) -> None:
    await api.owner.execute("UPDATE settings SET value = '1' WHERE key = 'supervisors'")
    try:
        async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
            assert (await open_session(workspace, call_id)).status == 201
            assert (await open_session(workspace, call_id)).code == "too_many_supervisors"
            await api.owner.execute("UPDATE call_supervisions SET expires_at = now() - interval '1 s'")
            assert (await open_session(workspace, call_id)).status == 201
    finally:
        await api.owner.execute("UPDATE settings SET value = '20' WHERE key = 'supervisors'")


async def test_call_that_does_not_run_has_no_listeners(workspace: CallWorkspace) -> None:
    assert (await open_session(workspace, await workspace.insert_call())).code == "call_not_live"
    unreported = await workspace.insert_call(status="in_progress")
    assert (await open_session(workspace, unreported)).code == "call_not_live"


# --- rights that are gone while a socket is open ---

OFTEN = RightsPace(every=0.1)


async def remove_member(workspace: CallWorkspace, person: User) -> None:
    path = f"{workspace.path}/members/{person.id}"
    assert (await workspace.ann.delete(path)).status == 204


async def make_viewer(workspace: CallWorkspace, person: User) -> None:
    path = f"{workspace.path}/members/{person.id}"
    assert (await workspace.ann.put(path, {"role": "viewer"})).status == 200


async def sign_out(workspace: CallWorkspace, person: User) -> None:
    assert (await person.post("/auth/logout")).status == 204


async def suspend(workspace: CallWorkspace, person: User) -> None:
    staff, path = await workspace.api.admin(), f"/admin/workspaces/{workspace.workspace_id}/suspend"
    suspended = await staff.post(path, {"reason": "A test", "end_calls": False})
    assert suspended.status == 200, suspended.body


async def redact(workspace: CallWorkspace, person: User) -> None:
    assert (await workspace.ann.put(workspace.path, {"redaction": ["card_number"]})).status == 200


async def refuse_recording(workspace: CallWorkspace, person: User) -> None:
    refused = {"consent": {"refused_at": "2026-12-03T04:00:00+00:00", "refused_by": "words"}}
    await workspace.api.owner.execute(
        "UPDATE calls SET details = $2 WHERE workspace_id = $1", UUID(workspace.workspace_id), refused
    )


Cause = Callable[[CallWorkspace, User], Awaitable[None]]


@pytest.mark.parametrize("cause", [remove_member, make_viewer, sign_out, suspend, redact, refuse_recording])
async def test_open_session_ends_with_the_right_to_it(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path, cause: Cause
) -> None:
    person = await api.member(workspace.workspace_id, "member")
    async with running_call(workspace, tmp_path, valkey_url, OFTEN) as (call_id, node, phone):
        path = f"{workspace.calls_path}/{call_id}/supervision"
        opened, unused = [(await person.post(path, {"mode": "speak"})).body for _ in range(2)]
        listener = await node.listen(opened["token"])
        await receive_until(listener, "began")
        await cause(workspace, person)
        assert await close_reason(listener) == (1008, "revoked")
        assert (await node.wait_for_event(SupervisionEnded)).reason == "revoked"
        assert await close_reason(await node.listen(unused["token"])) == (1008, "revoked")
        assert phone.close_code is None


async def test_open_session_ends_with_its_key(workspace: CallWorkspace, valkey_url: str, tmp_path: Path) -> None:
    keys = f"{workspace.path}/api-keys"
    made = await workspace.ann.post(keys, {"name": "Desk", "scopes": ["calls:supervise"], "expires_at": None})
    assert made.status == 201, made.body
    key = workspace.api.with_token(made.body["secret"])
    async with running_call(workspace, tmp_path, valkey_url, OFTEN) as (call_id, node, _):
        opened = await key.post(f"{workspace.calls_path}/{call_id}/supervision", {"mode": "listen"})
        assert opened.status == 201, opened.body
        listener = await node.listen(opened.body["token"])
        await receive_until(listener, "began")
        assert (await workspace.ann.delete(f"{keys}/{made.body['api_key']['id']}")).status == 204
        assert await close_reason(listener) == (1008, "revoked")


async def test_staff_session_ends_with_its_sign_in(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path
) -> None:
    staff, other = await api.admin("support"), await api.admin("support")
    async with running_call(workspace, tmp_path, valkey_url, OFTEN) as (call_id, node, _):
        path, body = f"/admin/calls/{call_id}/supervision", {"mode": "listen", "reason": "Ticket 12"}
        listener = await node.listen((await staff.post(path, body)).body["token"])
        stays = await node.listen((await other.post(path, body)).body["token"])
        await receive_until(stays, "began")
        await receive_until(listener, "began")
        assert (await staff.post("/admin/auth/logout")).status == 204
        assert await close_reason(listener) == (1008, "revoked")
        checks = node.metric("vocalized_media_requests_total", outcome="answered")

        async def is_checked_again() -> bool:
            return node.metric("vocalized_media_requests_total", outcome="answered") > checks + 2

        await wait_until(is_checked_again)
        assert not stays.closed


async def test_suspended_workspace_opens_no_session(workspace: CallWorkspace, valkey_url: str, tmp_path: Path) -> None:
    async with running_call(workspace, tmp_path, valkey_url) as (call_id, _, _):
        await suspend(workspace, workspace.ann)
        assert (await open_session(workspace, call_id)).code == "workspace_suspended"
