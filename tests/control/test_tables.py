"""Each table belongs to one room: only that room's stores write it, and other rooms read it in named read models only.

Of a rebuilt noun all SQL is in `queries.py`, which may join tables of others. Of other rooms it is in a store
(`store*.py`: the room's own tables) or a read model (`read_<thing>.py`: may read tables of other rooms, and write what
it read into a table of its own room). SQL is found in string constants by its keywords;
functions of the schema (`enter_scope`, `authorise_user`) are not followed.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import control

ROOT: Final = Path(control.__file__).parent
OWNERS: Final = {
    "accounts": "admin_recovery_codes admins failed_sign_ins former_users letter_counts one_time_tokens refresh_tokens "
    "sessions sign_in_failures user_recovery_codes users verified_numbers",
    "agent_tests": "test_cases test_results test_runs",
    "api_keys": "api_key_secrets api_keys",
    "agents": "agent_drafts agent_templates agent_versions agents",
    "analytics": "agent_daily agent_totals call_exports call_intervals platform_daily platform_provider_daily "
    "provider_daily rollup_dirty usage_daily usage_intervals workspace_daily workspace_monthly workspace_totals",
    "backups": "backup_runs",
    "billing": "accruals billing_accounts billing_periods billing_settings credit_grants exchange_rates exemptions "
    "invoice_lines invoice_numbers invoices meter_days payments plan_versions price_versions refund_orders "
    "rented_numbers sink_customers sink_invoices spend_alerts tax_rates tier_prices transfer_times usage_records",
    "campaigns": "campaign_attempts campaign_recipients campaigns",
    "calls": "blocked_callers call_events call_search call_search_progress call_supervisions call_words "
    "called_countries calls phone_codes platform_calls spend_alarms warm_transfers",
    "db": "pgqueuer pgqueuer_log pgqueuer_schedules pgqueuer_statistics schema_migrations session_keys",
    "do_not_call": "do_not_call_numbers",
    "keys": "revoked_media_passes",
    "integrations": "appointments contacts integration_sync_logs integration_syncs integration_types integrations "
    "oauth_states reference_attempts",
    "addresses": "address_registrations business_addresses",
    "numbers": "phone_numbers",
    "regulatory_bundles": "regulatory_bundles",
    "media_requests": "tool_runs",
    "knowledge": "knowledge_chunks knowledge_documents knowledge_terms",
    "messages": "message_emails messages",
    "outbound_webhooks": "outbound_webhook_attempts outbound_webhook_deliveries outbound_webhook_endpoints "
    "outbound_webhook_events",
    "audit": "audit_log audit_sealed_rows audit_seals",
    "idempotency": "idempotency_keys",
    "platform": "settings tiers",
    "privacy": "caller_deletions retention_limits retention_progress workspace_exports",
    "sso": "sso_connections sso_domains sso_flows sso_identities",
    "tools": "http_tools mcp_servers",
    "voice": "provider_figures provider_probes providers voice_routing voice_strategies workspace_providers",
    "inbound_webhooks": "webhook_events",
    "workspaces": "invitations user_trials workspace_changes workspace_members workspaces",
}
OWNER: Final = {table: room for room, tables in OWNERS.items() for table in tables.split()}

_SQL: Final = re.compile(
    r"\b(?:SELECT\s|INSERT INTO\s|UPDATE\s+\S+\s+(?:\w+\s+)?SET\s|DELETE FROM\s|MERGE INTO\s|TRUNCATE\s)"
)
_WRITE: Final = re.compile(
    r"\b(?:INSERT INTO|(?<!FOR )(?<!KEY )(?<!DO )UPDATE|DELETE FROM|MERGE INTO)\s+(?:ONLY\s+)?([\w{}]+)"
)
_READ: Final = re.compile(r"(?:(?<!DELETE )\bFROM|\bJOIN|\bUSING)\s+(?:ONLY\s+|LATERAL\s+)?([a-z_{}]+)")
# The second table of a list: FROM a x, b y.
_READ_NEXT: Final = re.compile(r"\bFROM\s+[a-z_]+(?:\s+(?:AS\s+)?[a-z]+)?\s*,\s*([a-z_]+)")
_PLACEHOLDER: Final = "{}"


@dataclass(frozen=True, slots=True)
class Access:
    """A statement's access to a table. place: file and line."""

    room: str
    module: str
    place: str
    table: str
    writes: bool

    @property
    def fault(self) -> str:
        """What is wrong with it; empty if nothing is."""
        owner = OWNER[self.table]
        if self.writes and self.room != owner:
            return f"{self.place}: writes {self.table}, which belongs to {owner or 'no room'}"
        if self.room != owner and not self.module.startswith(("read_", "queries")):
            return (
                f"{self.place}: reads {self.table} of {owner or 'no room'}; this belongs into a module read_<thing>.py"
            )
        return ""


def test_each_table_of_the_schema_has_one_owner() -> None:
    schema = (ROOT / "db" / "schema.sql").read_text()
    tables = set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE public\.(\w+)", schema, re.MULTILINE))
    assert {table for table in tables if not table.endswith("_default")} == set(OWNER)


def test_sql_stands_in_stores_and_read_models() -> None:
    outside = [
        f"{path.relative_to(ROOT.parent)}:{line}: SQL outside queries.py, store*.py and read_*.py"
        for path in modules()
        if not path.name.startswith(("queries", "store", "read_"))
        for line, text in strings(path.read_text())
        if _SQL.search(text)
    ]
    assert not outside, "\n".join(outside)


def test_tables_of_other_rooms_are_never_written_and_read_in_read_models_only() -> None:
    faults = [access.fault for path in modules() for access in accesses(path, path.read_text()) if access.fault]
    assert not faults, "\n".join(faults)


def test_a_write_to_another_rooms_table_is_found() -> None:
    assert faults_of("agents/read_x.py", 'X = "UPDATE phone_numbers SET agent_id = $1"') == [
        "control/agents/read_x.py:1: writes phone_numbers, which belongs to numbers"
    ]
    assert faults_of("agents/store.py", 'X = "DELETE FROM ONLY phone_numbers"')
    assert faults_of("agents/store.py", 'X = f"INSERT INTO phone_numbers AS p ({Y}) VALUES ($1)"')
    assert faults_of("agents/store.py", 'X = f"DELETE FROM {table}"\nY = ("phone_numbers",)')
    assert not faults_of("numbers/store.py", 'X = "UPDATE phone_numbers SET agent_id = $1"')


def test_a_read_of_another_rooms_table_is_found_outside_of_read_models() -> None:
    read = 'X = f"SELECT {Y} FROM agents a LEFT JOIN phone_numbers p ON p.agent_id = a.id FOR UPDATE OF a"'
    assert faults_of("agents/store.py", read) == [
        "control/agents/store.py:1: reads phone_numbers of numbers; this belongs into a module read_<thing>.py"
    ]
    assert faults_of("agents/store.py", 'X = "SELECT 1 FROM agents AS a, phone_numbers"')
    assert not faults_of("agents/read_numbers.py", read)
    assert not faults_of("agents/queries.py", read)


def modules() -> list[Path]:
    """All of control but db, whose files hold the job queue and the schema."""
    return [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] != "db"]


def faults_of(name: str, source: str) -> list[str]:
    """What is wrong in a file of control with this text."""
    return [access.fault for access in accesses(ROOT / name, source) if access.fault]


def accesses(path: Path, source: str) -> Iterator[Access]:
    """Each access to a table of the schema. A table's name that is put into a statement counts as written."""
    room, place = path.relative_to(ROOT).parts[0], path.relative_to(ROOT.parent)
    found = list(strings(source))
    for line, text in found:
        for pattern, writes in ((_WRITE, True), (_READ, False), (_READ_NEXT, False)):
            for table in pattern.findall(text):
                if table in OWNER:
                    yield Access(room, path.name, f"{place}:{line}", table, writes)
    if any(_PLACEHOLDER in table for _, text in found for table in _WRITE.findall(text)):
        for line, text in found:
            if text in OWNER:
                yield Access(room, path.name, f"{place}:{line}", text, True)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string constant but docstrings; what is put into one is a placeholder."""
    tree = ast.parse(source)
    skipped = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node in skipped or node in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            text = (part.value if isinstance(part, ast.Constant) else _PLACEHOLDER for part in node.values)
            yield node.lineno, "".join(map(str, text))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
