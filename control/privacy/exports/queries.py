"""SQL for workspace exports and for the rows that an export contains."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.knowledge.rules import document_key
from control.privacy.rules import WorkspaceExport

_COLUMNS: Final = ", ".join(field.name for field in fields(WorkspaceExport))
_ORDER: Final = Keyset(
    ("requested_at", "id"), "SELECT requested_at, id FROM workspace_exports WHERE id = $1 AND workspace_id = $2"
)


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's exports before they add an export."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('exports ' || $1::text, 0))", str(workspace_id))


async def insert(db: Connection, export: WorkspaceExport) -> None:
    """Insert a running export."""
    await db.execute(
        """
        INSERT INTO workspace_exports (id, workspace_id, status, requested_by, requested_at, expires_at)
        VALUES ($1, $2, 'running', $3, $4, $5)
        """,
        *(export.id, export.workspace_id, export.requested_by, export.requested_at, export.expires_at),
    )


async def select_one(db: Connection, workspace_id: UUID | None, export_id: UUID) -> WorkspaceExport | None:
    """Return an export, or None if it does not exist.

    Args:
        workspace_id: The export's workspace; None to search in the platform's scope.
    """
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE id = $1 AND ($2::uuid IS NULL OR workspace_id = $2)",
        export_id,
        workspace_id,
    )
    return None if row is None else WorkspaceExport(**row)


async def finish(db: Connection, export_id: UUID, status: str, now: datetime, size_bytes: int | None) -> bool:
    """Finish a running export. Return False if the export was withdrawn or already finished."""
    done = await db.execute(
        "UPDATE workspace_exports SET status = $2, finished_at = $3, size_bytes = $4 "
        "WHERE id = $1 AND status = 'running'",
        export_id,
        status,
        now,
        size_bytes,
    )
    return bool(done == "UPDATE 1")


async def select_until(db: Connection, workspace_id: UUID, until: datetime, most: int) -> list[WorkspaceExport]:
    """Return up to `most` exports that were requested until a time and are not deleted."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE workspace_id = $1 AND requested_at <= $2 "
        "AND status <> 'deleted' ORDER BY requested_at DESC, id DESC LIMIT $3",
        workspace_id,
        until,
        most,
    )
    return [WorkspaceExport(**row) for row in rows]


async def select_expired(db: Connection, now: datetime, most: int) -> list[WorkspaceExport]:
    """Return up to `most` exports whose file has expired, earliest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE expires_at <= $1 AND status <> 'deleted' "
        "ORDER BY expires_at LIMIT $2",
        now,
        most,
    )
    return [WorkspaceExport(**row) for row in rows]


async def set_deleted(db: Connection, export_id: UUID) -> None:
    """Mark an export as deleted. Its file is deleted, or the job that is still writing the file will delete it."""
    await db.execute("UPDATE workspace_exports SET status = 'deleted' WHERE id = $1", export_id)


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[WorkspaceExport]:
    """Return a page of a workspace's exports, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows: list[Any] = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE workspace_id = $1 {clause.tail}", *clause.values
    )
    return cut_page([WorkspaceExport(**row) for row in rows], page)


async def count_all(db: Connection, workspace_id: UUID) -> int:
    """Count the exports of a workspace."""
    count: int = await db.fetchval("SELECT count(*) FROM workspace_exports WHERE workspace_id = $1", workspace_id)
    return count


async def count_since(db: Connection, workspace_id: UUID, since: datetime) -> int:
    """Count the exports that a workspace requested since a time."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM workspace_exports WHERE workspace_id = $1 AND requested_at > $2", workspace_id, since
    )
    return count


async def fail_abandoned(db: Connection, requested_before: datetime, now: datetime) -> int:
    """Mark exports as failed whose job gave up. Return how many were marked. Needs platform scope."""
    status = await db.execute(
        "UPDATE workspace_exports SET status = 'failed', finished_at = $2 "
        "WHERE status = 'running' AND requested_at < $1",
        requested_before,
        now,
    )
    return int(status.split()[-1])


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """One file of the export.

    Attributes:
        name: Name of the file.
        source: The table, or the SQL that replaces it.
        key: Columns that order the rows, unique within a workspace.
        without: Columns to omit because they do not belong to the customer: secrets, our costs, names of our machines,
            and notes by staff.
    """

    name: str
    source: str
    key: tuple[str, ...]
    about: str
    without: tuple[str, ...] = ()
    where: str = "workspace_id = $1"


EXPORTED: Final = (
    ExportedTable(
        "workspace", "workspaces", ("id",), "The workspace and its settings.",
        ("suspended_why", "stripe_customer_id", "stripe_subscription_id"), "id = $1",
    ),
    ExportedTable(
        "members", "(SELECT m.*, u.email, u.name FROM workspace_members m JOIN users u ON u.id = m.user_id)",
        ("user_id",), "Members with their roles.",
    ),
    ExportedTable("invitations", "invitations", ("id",), "Invitations of members.", ("token_hash",)),
    ExportedTable("api_keys", "api_keys", ("id",), "API keys, without their secrets."),
    ExportedTable(
        "api_key_secrets",
        "(SELECT m.*, u.email AS holder_email FROM api_key_secrets m JOIN users u ON u.id = m.holder_id)",
        ("hash",), "Who holds which secret, and its last use, without the secret.", ("hash",),
    ),
    ExportedTable("workspace_changes", "workspace_changes", ("id",), "How status and tier changed."),
    ExportedTable("agents", "agents", ("id",), "Agents, deleted ones included."),
    ExportedTable("agent_drafts", "agent_drafts", ("agent_id",), "Drafts of agents' next versions."),
    ExportedTable("agent_versions", "agent_versions", ("agent_id", "version"), "Each version of each agent's config."),
    ExportedTable("test_cases", "test_cases", ("id",), "Test cases of agents."),
    ExportedTable("test_runs", "test_runs", ("id",), "Runs of test cases."),
    ExportedTable("test_results", "test_results", ("run_id", "case_id"), "What happened in each case of a run."),
    ExportedTable("phone_numbers", "phone_numbers", ("id",), "Phone numbers, released ones included."),
    ExportedTable("business_addresses", "business_addresses", ("id",), "Addresses that numbers were bought under."),
    ExportedTable(
        "address_registrations", "address_registrations", ("address_id", "carrier"), "Their state at the carriers."
    ),
    ExportedTable("regulatory_bundles", "regulatory_bundles", ("id",), "Documents that numbers were bought under."),
    ExportedTable("voice_strategies", "voice_strategies", ("workspace_id",), "How providers are chosen."),
    ExportedTable(
        "voice_providers", "workspace_providers", ("provider",), "Settings of providers, without keys.", ("api_key",)
    ),
    ExportedTable(
        "http_tools", "http_tools", ("id",), "HTTP tools, without secret headers.", ("sealed_headers",)
    ),
    ExportedTable(
        "mcp_servers", "mcp_servers", ("id",), "MCP servers with their tools, without secret headers.",
        ("sealed_headers",),
    ),
    ExportedTable(
        "webhook_endpoints", "outbound_webhook_endpoints", ("id",), "Webhook endpoints, without secrets.",
        ("sealed_secret", "sealed_old_secret"),
    ),
    ExportedTable(
        "calls", "calls", ("id",), "Calls with transcription and summary; recordings/ has the audio by call id.",
        ("details", "media_node", "recording_key"),
    ),
    ExportedTable("campaigns", "campaigns", ("id",), "Campaigns.", ("next_dispatch_at",)),
    ExportedTable("campaign_recipients", "campaign_recipients", ("id",), "Their recipients."),
    ExportedTable("campaign_attempts", "campaign_attempts", ("call_id",), "Calls to them."),
    ExportedTable("utterances", "call_words", ("call_id",), "What was said in each call, with times."),
    ExportedTable("call_events", "call_events", ("call_id", "seq", "at"), "The events of calls."),
    ExportedTable("call_supervisions", "call_supervisions", ("id",), "Who listened to running calls."),
    ExportedTable("messages", "messages", ("id",), "Messages that callers left."),
    ExportedTable("contacts", "contacts", ("id",), "Contacts that were copied from connected vendors.", ("seen_by",)),
    ExportedTable(
        "appointments", "appointments", ("id",), "Appointments of connected calendars, and those booked in calls.",
        ("seen_by",),
    ),
    ExportedTable("knowledge_documents", "knowledge_documents", ("id",), "Documents that agents search."),
    ExportedTable(
        "knowledge_chunks", "knowledge_chunks", ("document_id", "number"), "Their text, as agents find it.", ("search",)
    ),
    ExportedTable("blocked_callers", "blocked_callers", ("id",), "Callers whose calls are rejected."),
    ExportedTable("do_not_call", "do_not_call_numbers", ("id",), "Numbers that are not phoned."),
    ExportedTable("called_countries", "called_countries", ("country",), "Countries that were called."),
    ExportedTable("spend_alarms", "spend_alarms", ("id",), "Alarms about unusual calls."),
    ExportedTable(
        "usage", "usage_records", ("id", "at"), "What was used, with its price.",
        ("cost", "cost_version", "details", "estimated"),
    ),
    ExportedTable("billing_account", "billing_accounts", ("workspace_id",), "Who is billed."),
    ExportedTable(
        "billing_settings", "billing_settings", ("workspace_id",), "Limits and alerts of spending.",
        ("stripe_payment_method_id",),
    ),
    ExportedTable("billing_periods", "billing_periods", ("id",), "Billing periods."),
    ExportedTable("invoices", "invoices", ("id",), "Invoices.", ("stripe_invoice_id",)),
    ExportedTable("invoice_lines", "invoice_lines", ("id",), "Lines of invoices."),
    ExportedTable("payments", "payments", ("id",), "Payments and refunds.", ("recorded_by",)),
    ExportedTable("credits", "credit_grants", ("id",), "Credits.", ("granted_by",)),
    ExportedTable("refunds", "refund_orders", ("id",), "Refunds that were ordered.", ("ordered_by", "last_error")),
    ExportedTable("rented_numbers", "rented_numbers", ("id",), "For which time numbers were billed."),
    ExportedTable("spend_alerts", "spend_alerts", ("id",), "Alerts about the spending limit."),
    ExportedTable("caller_deletions", "caller_deletions", ("id",), "Deletions of callers' data.", ("sealed_number",)),
    ExportedTable("exports", "workspace_exports", ("id",), "Exports like this one."),
    ExportedTable(
        "audit_log", "audit_log", ("id",), "What members and API keys did, and which calls the platform's staff read.",
        ("address",), "workspace_id = $1 AND (actor <> 'admin' OR action = 'call.read')",
    ),
)  # fmt: skip

# Calls of workspace $1 that have a recording, after call $2.
_SELECT_RECORDINGS: Final = """
    SELECT id, recording_key FROM calls
    WHERE workspace_id = $1 AND recording_key IS NOT NULL AND id > $2 ORDER BY id LIMIT $3
"""


_SELECT_DOCUMENTS: Final = "SELECT id FROM knowledge_documents WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3"


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row of an export.

    Attributes:
        key: Values of the key columns.
        values: Values by column name.
    """

    key: tuple[Any, ...]
    values: dict[str, Any]


async def select_rows(
    db: Connection, workspace_id: UUID, table: ExportedTable, after: Sequence[Any], most: int
) -> list[ExportedRow]:
    """Return up to `most` rows of a table, in the order of the key.

    Args:
        after: The key of the last row that was read; empty at the beginning.
    """
    key = ", ".join(f"t.{column}" for column in table.key)
    places = ", ".join(f"${place}" for place in range(4, 4 + len(after)))
    behind = f"AND ({key}) > ({places})" if after else ""
    rows = await db.fetch(
        f"SELECT to_jsonb(t) - $2::text[] AS exported, {key} FROM {table.source} t "
        f"WHERE {table.where} {behind} ORDER BY {key} LIMIT $3",
        workspace_id,
        list(table.without),
        most,
        *after,
    )
    return [ExportedRow(tuple(row[column] for column in table.key), row["exported"]) for row in rows]


async def select_recordings(db: Connection, workspace_id: UUID, after: UUID, most: int) -> list[tuple[UUID, str]]:
    """Return the next calls that have a recording, with the recording's storage key."""
    rows = await db.fetch(_SELECT_RECORDINGS, workspace_id, after, most)
    return [(row["id"], row["recording_key"]) for row in rows]


async def select_documents(db: Connection, workspace_id: UUID, after: UUID, most: int) -> list[tuple[UUID, str]]:
    """Return the next documents that agents search, with the storage keys of their files."""
    rows = await db.fetch(_SELECT_DOCUMENTS, workspace_id, after, most)
    return [(row["id"], document_key(workspace_id, row["id"])) for row in rows]
