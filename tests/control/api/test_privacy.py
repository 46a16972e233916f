"""/workspaces/{id}/privacy/…: who may do what with personal data."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from control.privacy.exports.service import EXPORT_WORKSPACE
from shared.ids import new_id
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import User


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def test_each_role_may_do_what_it_needs(api: Api, workspace: CallWorkspace) -> None:
    privacy = f"{workspace.path}/privacy"
    least = {"retention": "viewer", "deletions": "admin", "accesses": "owner", "exports": "owner"}
    order = ("viewer", "member", "admin", "owner")
    members: dict[str, User] = {role: await api.member(workspace.workspace_id, role) for role in order}  # type: ignore[arg-type]
    for name, needed in least.items():
        for role in order:
            status = (await members[role].get(f"{privacy}/{name}")).status
            assert status == (200 if order.index(role) >= order.index(needed) else 403), (name, role)
    assert (await members["admin"].put(f"{privacy}/retention", {"event_days": 5})).status == 403
    assert (await members["member"].post(f"{privacy}/deletions", {"phone_number": "+14155550123"})).status == 403
    assert (await members["admin"].post(f"{privacy}/exports")).status == 403
    assert (await members["admin"].get(f"{privacy}/exports/{new_id()}/file")).status == 403


async def test_retention_is_read_and_shortened(workspace: CallWorkspace) -> None:
    path = f"{workspace.path}/privacy/retention"
    before = (await workspace.ann.get(path)).body["retention"]
    assert before["recording_days"] is None and before["days"] == before["longest"]
    longest = before["longest"]["recording"]
    chosen = (await workspace.ann.put(path, {"recording_days": 7, "transcript_days": 20})).body["retention"]
    assert (chosen["recording_days"], chosen["days"]["recording"]) == (7, 7)
    assert (chosen["event_days"], chosen["days"]["event"]) == (None, 20)
    back = (await workspace.ann.put(path, {"recording_days": None})).body["retention"]
    assert (back["recording_days"], back["transcript_days"]) == (None, 20)
    for body, code in (
        ({"recording_days": longest + 1}, "retention_too_long"),
        ({"recording_days": 0}, "invalid"),
        ({"recording_days": 4_000}, "invalid"),
    ):
        refused = await workspace.ann.put(path, body)
        assert (refused.status, refused.code, refused.param) == (422, code, "recording_days")


async def test_deletion_is_accepted_and_listed_without_the_number(workspace: CallWorkspace) -> None:
    path = f"{workspace.path}/privacy/deletions"
    accepted = await workspace.ann.post(path, {"phone_number": "+14155550142"})
    assert accepted.status == 202
    deletion = accepted.body["deletion"]
    assert (deletion["status"], deletion["finished_at"], deletion["counts"]) == ("running", None, {})
    assert deletion["caller"].startswith("deleted-")
    assert (await workspace.ann.get(path)).body["deletions"] == [deletion]
    own = await workspace.ann.post(path, {"phone_number": workspace.number})
    assert (own.status, own.code, own.param) == (422, "number_is_own", "phone_number")
    assert (await workspace.ann.post(path, {"phone_number": "0151"})).param == "phone_number"
    stored = await workspace.api.owner.fetch("SELECT details::text, resource_id FROM audit_log")
    assert not any("+14155550142" in row["details"] for row in stored)


async def test_export_is_downloaded_when_it_is_ready(api: Api, workspace: CallWorkspace) -> None:
    path = f"{workspace.path}/privacy/exports"
    accepted = await workspace.ann.post(path)
    assert (accepted.status, accepted.body["export"]["status"]) == (202, "running")
    export_id = accepted.body["export"]["id"]
    file = f"{path}/{export_id}/file"
    early = await workspace.ann.get(file)
    assert (early.status, early.code) == (409, "export_not_ready")
    queued = "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1"
    assert await api.owner.fetchval(queued, EXPORT_WORKSPACE) == 1
    await api.owner.execute("UPDATE workspace_exports SET status = 'ready' WHERE id = $1", UUID(export_id))
    assert (await workspace.ann.get(file)).code == "export_not_found"
    folder = api.objects / "exports" / workspace.workspace_id
    folder.mkdir(parents=True)
    (folder / f"{export_id}.zip").write_bytes(b"PK archive")
    whole = await workspace.ann.get(file)
    assert (whole.status, whole.headers["Content-Type"]) == (200, "application/zip")
    assert (await workspace.ann.get(f"{path}/{new_id()}/file")).code == "export_not_found"
    other = await make_call_workspace(api)
    assert (await other.ann.get(f"{other.path}/privacy/exports/{export_id}/file")).code == "export_not_found"
