"""Every statement on tables of workspaces names the workspace, by which Citus finds the one server that has its rows.
Those that don't are listed here, with the reason (docs/run/scale.md)."""

from typing import Final

import pytest

from tests.control.tenant_queries import SqlText, sql_texts, tenant_tables

# Of all workspaces: lists and figures of the staff, duties of the worker, sums over the platform. On Citus they ask all
# servers, in parallel.
PLATFORM: Final = frozenset(
    {
        "audit.queries.select_dated_back",
        "agents.templates.queries.select_all",
        "agents.templates.queries.select_template",
        "analytics.rollups.queries.make_platform_provider_days",
        "billing.figures.queries.select_overview",
        "billing.figures.queries.select_provider_costs",
        "billing.payments.queries.select_due",
        "billing.payments.queries.select_orders",
        "billing.payments.queries.select_unchecked",
        "billing.payments.queries.select_unchecked_paid",
        "billing.invoices.queries.lock_overdue",
        "billing.invoices.queries.select_drafts",
        "billing.periods.queries.select_due",
        "billing.limits.queries.delete_old",
        "calls.lost.queries.select_held",
        "calls.records.queries.select_unsettled",
        "calls.spend_alarms.queries.count_alarms",
        "calls.lost.queries.select_named",
        "calls.outbound.queries.measure_platform_calls",
        "calls.lost.queries.select_open",
        "calls.transfers.queries.select_open_legs",
        "campaigns.queries.finish_remaining",
        "integrations.grants.queries.has_account",
        "integrations.caller_records.queries.delete_old_appointments",
        "integrations.grants.queries.delete_expired_states",
        "integrations.syncs.queries.delete_old_logs",
        "integrations.types.queries.is_used",
        "knowledge.queries.select_stuck_documents",
        "media_requests.queries.delete_old_runs",
        "outbound_webhooks.queries.delete_old_events",
        "outbound_webhooks.queries.expire_deliveries",
        "outbound_webhooks.queries.lease_due",
        "addresses.queries.lock_stuck",
        "addresses.queries.touch",
        "numbers.queries.lock_stuck",
        "numbers.queries.select_held_among",
        "numbers.queries.select_unconfigured",
        "numbers.queries.touch",
        "numbers.queries.update_configured",
        "privacy.caller_deletions.queries.select_open",
        "privacy.exports.queries.fail_abandoned",
        "privacy.exports.queries.select_expired",
        "sso.queries.delete_expired_flows",
        "tools.mcp_servers.queries.has_servers",
        "voice.catalog.queries.is_named_by_live_agent",
        "voice.catalog.queries.delete_provider",
    }
)
# By the id of a row, which is unique on the platform. Citus would ask all servers for one row, so these get the
# workspace as a parameter before the step to it; their callers know it.
BY_ID: Final = frozenset(
    {
        "api_keys.queries.update_last_use",
        "billing.invoices.queries.select_listings",  # the place of the page's cursor
        "billing.limits.queries.select_open",
        "billing.ledger.queries.select_booked",
        "billing.ledger.queries.select_charged",
        "billing.payments.queries.close_order",
        "billing.payments.queries.defer_check",
        "billing.payments.queries.mark_checked",
        "billing.payments.queries.resume_invoice",
        "billing.payments.queries.select_collection",
        "billing.payments.queries.select_invoice_of",
        "billing.payments.queries.select_open_orders",
        "billing.payments.queries.select_order",
        "billing.credits.queries.select_grant",
        "billing.credits.queries.void_grant",
        "billing.invoices.queries.select_billed",
        "billing.invoices.queries.select_given_up",
        "billing.invoices.queries.select_line",
        "billing.invoices.queries.update_state",
        "billing.invoices.queries.select_amount",
        "billing.periods.queries.close",
        "billing.periods.queries.update_status",
        "billing.limits.queries.mark_ended",
        "calls.analysis.queries.delete_findings",
        "calls.analysis.queries.mark_pending",
        "calls.analysis.queries.update_result",
        "calls.analysis.queries.update_status",
        "calls.analysis.queries.update_use",
        "calls.records.queries.select_events",
        "calls.records.queries.select_utterances",
        "calls.records.queries.append_leg",
        "calls.records.queries.increment_leg",
        "calls.records.queries.update_costs",
        "calls.records.queries.update_states",
        "calls.events.queries.select_utterances",
        "calls.events.queries.update_texts",
        "calls.transfers.queries.select_call_id",
        "calls.transfers.queries.update_transfer",
        "integrations.grants.queries.store_pending",
        "knowledge.queries.delete_document",
        "knowledge.queries.finish_document",
        "knowledge.queries.select_document_by_id",
        "knowledge.queries.delete_chunks",
        "messages.queries.set_emailed",
        "privacy.caller_deletions.queries.add_counts",
        "privacy.caller_deletions.queries.finish",
        "privacy.exports.queries.finish",
        "privacy.exports.queries.set_deleted",
    }
)
# Their columns are the fields of a dataclass, or their condition is made from a filter: both have workspace_id.
COMPOSED: Final = frozenset(
    {
        "billing.payments.queries.insert_order",
        "billing.payments.queries.upsert_collection",
        "billing.invoices.queries.insert_invoice",
        "billing.invoices.queries.insert_payment",
        "audit.queries.count_entries",
        "audit.queries.select_entries",
    }
)
TEXTS: Final = list(sql_texts())
WITHOUT: Final = {text.name for text in TEXTS if not text.names_workspace}


def test_statements_and_tables_are_found() -> None:
    assert len(TEXTS) > 250 and len(tenant_tables()) > 30
    assert {"calls", "call_events", "usage_records"} <= tenant_tables() and "users" not in tenant_tables()


def test_every_statement_names_the_workspace_or_is_listed() -> None:
    assert not WITHOUT - PLATFORM - BY_ID - COMPOSED, "name workspace_id, or add it to the list that it belongs to"


@pytest.mark.parametrize("listed", [PLATFORM, BY_ID, COMPOSED], ids=["platform", "by_id", "composed"])
def test_only_statements_without_a_workspace_are_listed(listed: frozenset[str]) -> None:
    assert not listed - WITHOUT


def test_a_statement_without_a_workspace_is_noticed() -> None:
    calls = frozenset({"calls"})
    assert not SqlText("x", "SELECT status FROM calls WHERE id = $1", calls).names_workspace
    assert SqlText("x", "SELECT status FROM calls WHERE workspace_id = $1", calls).names_workspace
