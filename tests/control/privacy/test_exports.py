"""Export of a workspace: all that it holds, nobody else's, and no secrets."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zipfile import ZipFile

import pytest

import control
from control.api_keys.rules import IssuedKey
from control.api_keys.service import ApiKeys
from control.db.jobs import JobFailed
from control.http.auth.tokens import token_hash
from control.privacy.exports import tasks as exports_tasks
from control.privacy.exports.queries import EXPORTED, fail_abandoned
from control.privacy.exports.service import delete_expired, export_key, withdraw_exports
from control.privacy.rules import WorkspaceExport
from control.privacy.service import Privacy
from shared.errors import Conflict, NotFound, TooManyRequests
from shared.storage import StorageUnavailable
from tests.control.calls.call_platform import CallPlatform
from tests.control.privacy.filled_workspace import FilledWorkspace, make_filled_workspace, run_queued

CALLER: Final = "+491511234567"
NOW: Final = datetime.now(UTC)
# Tables of workspaces that no export holds: how far jobs came, roll-ups of what is exported, seals, and what only the
# payment company and our machines need.
WORDS: Final = "480 dollars"
LEFT_OUT: Final = {
    "accruals", "agent_daily", "agent_totals", "call_exports", "call_intervals", "call_search", "exemptions",
    "integration_sync_logs", "integration_syncs", "integrations", "knowledge_terms", "message_emails", "meter_days",
    "oauth_states", "outbound_webhook_attempts", "outbound_webhook_deliveries", "outbound_webhook_events",
    "phone_codes", "provider_daily", "reference_attempts", "retention_limits", "retention_progress", "rollup_dirty",
    "sessions", "sink_customers", "sink_invoices", "sso_connections", "sso_domains", "sso_flows", "sso_identities",
    "tool_runs", "transfer_times", "usage_daily", "usage_intervals",
    "warm_transfers", "workspace_daily", "workspace_monthly", "workspace_totals",
}  # fmt: skip


async def request(filled: FilledWorkspace) -> WorkspaceExport:
    exports, workspace = filled.platform.services[Privacy].exports, filled.workspace
    return await filled.platform.in_workspace(
        workspace, lambda db: exports.request(db, workspace.actor, filled.id, NOW)
    )


async def make_key(filled: FilledWorkspace) -> IssuedKey:
    keys, workspace = filled.platform.services[ApiKeys], filled.workspace
    return await filled.platform.in_workspace(
        workspace,
        lambda db: keys.create(
            db, workspace.actor, filled.id, name="CRM", scopes=frozenset({"calls:read"}), expires_at=None, now=NOW
        ),
    )


async def read_status(filled: FilledWorkspace, export_id: UUID) -> str:
    status: str = await filled.platform.in_platform(
        lambda db: db.fetchval("SELECT status FROM workspace_exports WHERE id = $1", export_id)
    )
    return status


async def read_archive(filled: FilledWorkspace, export: WorkspaceExport) -> ZipFile:
    return ZipFile(BytesIO(await filled.platform.storage.get(export_key(export))))


def rows(archive: ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()]


def test_each_table_of_workspaces_is_exported_or_left_out_on_purpose() -> None:
    schema = (Path(control.__file__).parent / "db" / "schema.sql").read_text()
    tables = re.findall(r"^CREATE TABLE public\.(\w+) \((.*?)^\);?", schema, re.MULTILINE | re.DOTALL)
    mine = {name for name, columns in tables if "workspace_id uuid" in columns and not name.endswith("_default")}
    exported = {re.sub(r".*FROM (\w+) m .*", r"\1", table.source) for table in EXPORTED}
    assert mine | {"workspaces"} == exported | LEFT_OUT
    assert not exported & LEFT_OUT


async def test_archive_holds_all_of_one_workspace(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports_tasks, "PAGE", 2)
    filled, other = await make_filled_workspace(platform), await make_filled_workspace(platform)
    calls = await filled.fill(CALLER, NOW - timedelta(days=2))
    await other.fill("+14155550188", NOW)
    gone = await filled.insert_call(CALLER, at=NOW)
    await platform.storage.delete(await filled.record(gone))
    document = await filled.add_document(f"A crown costs {WORDS}.")
    await other.add_document("Nothing of the first one.")
    key = await make_key(filled)
    await make_key(other)
    export = await request(filled)
    await run_queued(platform)
    with await read_archive(filled, export) as archive:
        assert archive.testzip() is None
        assert [row["id"] for row in rows(archive, "api_keys")] == [str(key.key.id)]
        (held,) = rows(archive, "api_key_secrets")
        assert held["holder_email"] == filled.workspace.actor.email and "hash" not in held
        assert archive.read(f"documents/{document}").decode() == f"A crown costs {WORDS}."
        assert [row["id"] for row in rows(archive, "knowledge_documents")] == [str(document)]
        assert {f"{table.name}.jsonl" for table in EXPORTED} < set(archive.namelist())
        exported = rows(archive, "calls")
        assert {UUID(call["id"]) for call in exported} >= {*calls, gone} and len(exported) == 5
        assert len(rows(archive, "call_events")) == 2 * 5 + 3
        assert {row["text"] for row in rows(archive, "messages")} == {"Call me, quillwort."}
        assert rows(archive, "workspace")[0]["id"] == str(filled.id)
        assert [row["email"] for row in rows(archive, "members")] == [filled.workspace.actor.email]
        assert archive.read(f"recordings/{calls[0]}.wav").startswith(b"RIFF")
        assert [name for name in archive.namelist() if name.startswith("recordings/")] == [f"recordings/{calls[0]}.wav"]
        assert "calls.jsonl: Calls with" in archive.read("README.txt").decode()
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert b"+14155550188" not in content and str(other.id).encode() not in content
    assert key.secret[8:20].encode() not in content and token_hash(key.secret).hex().encode() not in content
    for secret in (b"token_hash", b"api_key", b"sealed_number", b"suspended_why", b"media_node", b"cost_version"):
        assert f'"{secret.decode()}":'.encode() not in content
    assert await read_status(filled, export.id) == "ready"


async def test_download_is_for_ready_files_and_audited(platform: CallPlatform) -> None:
    filled, other = await make_filled_workspace(platform), await make_filled_workspace(platform)
    exports, workspace = platform.services[Privacy].exports, filled.workspace
    export = await request(filled)

    async def open_as(one: FilledWorkspace) -> WorkspaceExport:
        return await platform.in_workspace(
            one.workspace, lambda db: exports.open(db, one.workspace.actor, one.id, export.id)
        )

    with pytest.raises(Conflict) as early:
        await open_as(filled)
    await run_queued(platform)
    opened = await open_as(filled)
    assert opened.size_bytes == await platform.storage.size(export_key(export))
    with pytest.raises(NotFound):
        await open_as(other)
    actions = await platform.in_platform(
        lambda db: db.fetch("SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", str(export.id))
    )
    assert [row["action"] for row in actions] == ["workspace.export", "workspace.download_export"]
    assert (early.value.code, workspace.actor.id) == ("export_not_ready", opened.requested_by)


async def test_expired_file_is_deleted(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    export = await request(filled)
    await run_queued(platform)
    await delete_expired(platform.pool, platform.storage, export.expires_at - timedelta(seconds=1))
    assert await read_status(filled, export.id) == "ready"
    await delete_expired(platform.pool, platform.storage, export.expires_at)
    assert (await read_status(filled, export.id), await platform.storage.list_keys()) == ("deleted", [])


async def test_export_that_is_withdrawn_while_it_is_written_leaves_no_file(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = await make_filled_workspace(platform)
    export = await request(filled)
    readme = exports_tasks._ExportWriter._readme

    async def withdraw(self: Any, now: datetime) -> Any:
        await withdraw_exports(platform.pool, platform.storage, filled.id, datetime.now(UTC))
        async for data in readme(self, now):
            yield data

    monkeypatch.setattr(exports_tasks._ExportWriter, "_readme", withdraw)
    await run_queued(platform)
    assert (await read_status(filled, export.id), await platform.storage.list_keys()) == ("deleted", [])


async def test_file_that_a_killed_worker_wrote_after_the_withdrawal_is_deleted(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    export = await request(filled)
    await withdraw_exports(platform.pool, platform.storage, filled.id, datetime.now(UTC))
    await platform.storage.put(export_key(export), b"PK")
    await run_queued(platform)
    assert (await read_status(filled, export.id), await platform.storage.list_keys()) == ("deleted", [])


async def test_storage_that_fails_has_the_job_tried_again(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = await make_filled_workspace(platform)
    export = await request(filled)

    async def fail(key: str, chunks: Any) -> None:
        raise StorageUnavailable("ConnectError")

    with monkeypatch.context() as patched:
        patched.setattr(platform.storage, "put_stream", fail)
        with pytest.raises(JobFailed, match="storage"):
            await run_queued(platform)
    assert await read_status(filled, export.id) == "running"
    later = NOW + timedelta(days=3)
    await platform.in_platform(lambda db: fail_abandoned(db, NOW + timedelta(seconds=1), later))
    assert await read_status(filled, export.id) == "failed"


async def test_exports_of_a_day_are_limited(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    for _ in range(5):
        await request(filled)
    with pytest.raises(TooManyRequests) as refused:
        await request(filled)
    assert refused.value.code == "export_limit"
