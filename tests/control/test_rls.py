"""Row-level security: raw queries in another tenant's scope see and change nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from control.db.pool import Pool, Timeouts, open_pool
from control.db.scope import enter_platform, enter_user, enter_workspace
from shared.ids import new_id

# Tables of a workspace, each with a statement that inserts one row of workspace $1 (and its agent $2).
ROWS = {
    "workspace_members": "",  # inserted with the tenant
    "agents": "",
    "agent_versions": "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config) "
    "VALUES ($2, 1, $1, 'A', '{}')",
    "agent_drafts": "INSERT INTO agent_drafts (agent_id, workspace_id, base_version, revision, name, config, "
    "created_at, updated_at) VALUES ($2, $1, 1, $2, 'A', '{}', now(), now())",
    "test_cases": "INSERT INTO test_cases (id, workspace_id, agent_id, name, script, created_at, updated_at) "
    "VALUES ($2, $1, $2, 'x', '{}', now(), now())",
    "test_runs": "INSERT INTO test_runs (id, workspace_id, agent_id, agent_version, created_at) "
    "VALUES ($2, $1, $2, 1, now())",
    "test_results": "INSERT INTO test_results (run_id, case_id, workspace_id) VALUES ($2, $2, $1)",
    "invitations": "INSERT INTO invitations (id, workspace_id, email, role, token_hash, expires_at) "
    "VALUES ($2, $1, 'a@example.com', 'member', $2::uuid::text::bytea, now())",
    "workspace_changes": "INSERT INTO workspace_changes (id, workspace_id, status, tier_name, monthly_fee) "
    "VALUES ($2, $1, 'trial', 't', 0)",
    "phone_numbers": "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status) "
    "VALUES ($2, $1, '+1' || (1000000000 + abs(hashtext($2::uuid::text)) % 1000000000), 'twilio', 'active')",
    "calls": "INSERT INTO calls (id, workspace_id, direction, carrier, status) "
    "VALUES ($2, $1, 'inbound', 'twilio', 'completed')",
    "call_words": "INSERT INTO call_words (call_id, workspace_id, words) VALUES ($2, $1, '[]')",
    "call_search": "INSERT INTO call_search (call_id, workspace_id, created_at, words) VALUES ($2, $1, now(), 'x')",
    "call_events": "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
    "VALUES ($2, 0, $1, now(), 'x', '{}')",
    "usage_records": "INSERT INTO usage_records (id, workspace_id, at, resource_type, quantity, unit, cost, price) "
    "VALUES ($2, $1, now(), 'stt', 1, 's', 1, 1)",
    "workspace_totals": "INSERT INTO workspace_totals (workspace_id, calls, seconds, price, cost) "
    "SELECT $1, 1, 1, 1, 1 WHERE $2::uuid IS NOT NULL",
    "agent_totals": "INSERT INTO agent_totals (agent_id, workspace_id, calls, completed, seconds) "
    "VALUES ($2, $1, 1, 1, 1)",
    "call_intervals": "INSERT INTO call_intervals "
    "SELECT $1, now(), $2, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
    "usage_intervals": "INSERT INTO usage_intervals VALUES ($1, now(), $2::uuid::text, 1, 1, 0)",
    "provider_daily": "INSERT INTO provider_daily VALUES ($1, now(), $2::uuid::text, 1, 1, 0, 1, 1, 0, '{}')",
    "workspace_monthly": "INSERT INTO workspace_monthly SELECT $1, '2026-11-01', 1, 1, 1, 1 WHERE $2::uuid IS NOT NULL",
    "call_exports": "INSERT INTO call_exports (id, workspace_id, user_id, format, since, until, started_at) "
    "VALUES ($2, $1, $2, 'csv', now(), now(), now())",
    "workspace_providers": "INSERT INTO workspace_providers (workspace_id, provider) VALUES ($1, $2::uuid::text)",
    "tool_runs": "INSERT INTO tool_runs (call_id, run_id, workspace_id, name, lease_until) "
    "VALUES ($2, 'r', $1, 'x', now())",
    "reference_attempts": "INSERT INTO reference_attempts (call_id, run_id, workspace_id) VALUES ($2, 'r', $1)",
    "blocked_callers": "INSERT INTO blocked_callers (id, workspace_id, caller) VALUES ($2, $1, 'anonymous')",
    "do_not_call_numbers": "INSERT INTO do_not_call_numbers (id, workspace_id, number, source, created_at) "
    "VALUES ($2, $1, '+14155550123', 'api', now())",
    "api_keys": "INSERT INTO api_keys (id, workspace_id, name, scopes, created_at) VALUES ($2, $1, 'x', '{}', now())",
    "api_key_secrets": "INSERT INTO api_key_secrets (hash, key_id, workspace_id, holder_id, prefix, created_at) VALUES "
    "($2::uuid::text::bytea, $2, $1, (SELECT user_id FROM workspace_members WHERE workspace_id = $1), 'x', now())",
    "sso_connections": "INSERT INTO sso_connections (workspace_id, issuer, client_id, client_secret, default_role, "
    "is_enforced, created_at, updated_at) SELECT $1, 'x', 'x', '', 'member', false, now(), now() "
    "WHERE $2::uuid IS NOT NULL",
    "sso_domains": "INSERT INTO sso_domains (id, workspace_id, domain, proof, created_at) "
    "VALUES ($2, $1, 'example.com', 'x', now())",
    "sso_flows": "INSERT INTO sso_flows (state_hash, workspace_id, client_hash, sealed, expires_at) "
    "VALUES ($2::uuid::text::bytea, $1, '', '', now())",
    "sso_identities": "INSERT INTO sso_identities (workspace_id, subject, user_id, created_at) VALUES "
    "($1, $2::uuid::text, (SELECT user_id FROM workspace_members WHERE workspace_id = $1), now())",
    "http_tools": "INSERT INTO http_tools (id, workspace_id, name, config, created_at, updated_at) "
    "VALUES ($2, $1, 'x', '{}', now(), now())",
    "mcp_servers": "INSERT INTO mcp_servers (id, workspace_id, name, config, created_at, updated_at) "
    "VALUES ($2, $1, 'x', '{}', now(), now())",
    "outbound_webhook_endpoints": "INSERT INTO outbound_webhook_endpoints (id, workspace_id, url, description, "
    "is_enabled, sealed_secret, created_at, updated_at) VALUES ($2, $1, 'x', '', true, '', now(), now())",
    "outbound_webhook_events": "INSERT INTO outbound_webhook_events (id, workspace_id, type, api_version, object_id, "
    "occurred_at, sequence, data, created_at) VALUES ($2, $1, 'x', 'x', $2, now(), 1, '{}', now())",
    "outbound_webhook_deliveries": "INSERT INTO outbound_webhook_deliveries (id, workspace_id, endpoint_id, event_id, "
    "status, attempts, failures, due_at, expires_at, created_at) "
    "VALUES ($2, $1, $2, $2, 'pending', 0, 0, now(), now(), now())",
    "outbound_webhook_attempts": "INSERT INTO outbound_webhook_attempts (delivery_id, number, workspace_id, "
    "started_at, took_ms, answer) VALUES ($2, 1, $1, now(), 1, '')",
    "campaigns": "INSERT INTO campaigns (id, workspace_id, name, agent_id, number_ids, status, retries, "
    "calls_per_minute, most_open_calls, leaves_messages, next_dispatch_at, created_at, updated_at) "
    "VALUES ($2, $1, 'x', $2, '{}', 'draft', '{}', 1, 1, false, now(), now(), now())",
    "campaign_recipients": "INSERT INTO campaign_recipients (id, workspace_id, campaign_id, phone_number, variables, "
    "status, attempts, next_attempt_at, created_at) "
    "VALUES ($2, $1, $2, '+12125550123', '{}', 'pending', 0, now(), now())",
    "campaign_attempts": "INSERT INTO campaign_attempts (call_id, workspace_id, campaign_id, recipient_id, "
    "phone_number, started_at) VALUES ($2, $1, $2, $2, '+12125550123', now())",
    "call_supervisions": "INSERT INTO call_supervisions (id, workspace_id, call_id, mode, actor, actor_id, "
    "actor_email, created_at, expires_at) VALUES ($2, $1, $2, 'listen', 'user', $2, 'a@example.com', now(), now())",
    "phone_codes": "INSERT INTO phone_codes (id, workspace_id, user_id, phone_number, call_id, language, code, "
    "created_at, expires_at) VALUES ($2, $1, $2, '+12125550123', $2, 'en', 'x', now(), now())",
    "called_countries": "INSERT INTO called_countries (workspace_id, country, first_at) "
    "SELECT $1, 'US', now() WHERE $2::uuid IS NOT NULL",
    "spend_alarms": "INSERT INTO spend_alarms (id, workspace_id, kind, day, figure, threshold, raised_at) "
    "VALUES ($2, $1, 'test_calls', now(), 1, 1, now())",
    "messages": "INSERT INTO messages (id, workspace_id, call_id, run_id, agent_id, taken_at, caller_name, "
    "callback_number, reason, text, is_urgent) VALUES ($2, $1, $2, 'r', $2, now(), '', '', '', 'x', false)",
    "knowledge_documents": "INSERT INTO knowledge_documents (id, workspace_id, name, format, language, size_bytes, "
    "status, created_at, requested_at) VALUES ($2, $1, 'A', 'text', 'en', 1, 'pending', now(), now())",
    "knowledge_chunks": "INSERT INTO knowledge_chunks (document_id, number, workspace_id, heading, text, search) "
    "VALUES ($2, 0, $1, '', 'x', 'x')",
    "knowledge_terms": "INSERT INTO knowledge_terms (workspace_id, term, chunks) VALUES ($1, $2::uuid::text, 1)",
    "message_emails": "INSERT INTO message_emails (workspace_id, user_id, day, sent) VALUES "
    "($1, (SELECT user_id FROM workspace_members WHERE workspace_id = $1), now(), num_nonnulls($2::uuid))",
    "business_addresses": "INSERT INTO business_addresses (id, workspace_id, customer_name, street, city, region, "
    "postal_code, country) VALUES ($2, $1, 'A', 'A', 'A', 'A', 'A', 'DE')",
    "address_registrations": "INSERT INTO address_registrations (address_id, carrier, workspace_id) "
    "VALUES ($2, 'twilio', $1)",
    "regulatory_bundles": "INSERT INTO regulatory_bundles (id, workspace_id, carrier, carrier_bundle_id, country, "
    "number_kind, status) VALUES ($2, $1, 'twilio', $2::uuid::text, 'DE', 'local', 'draft')",
    "integrations": "INSERT INTO integrations (id, workspace_id, integration_type, name, status) "
    "VALUES ($2, $1, 't', 'I', 'connecting')",
    "integration_sync_logs": "INSERT INTO integration_sync_logs (id, integration_id, workspace_id, sync_type, status) "
    "VALUES ($2, $2, $1, 'x', 'queued')",
    "oauth_states": "INSERT INTO oauth_states (id, workspace_id, integration_id, user_id, state_hash, verifier, "
    "expires_at) VALUES ($2, $1, $2, $2, $2::uuid::text::bytea, '', now())",
    "voice_strategies": "INSERT INTO voice_strategies (workspace_id, strategy) VALUES ($1, $2::uuid::text)",
    "billing_settings": "INSERT INTO billing_settings (workspace_id, billing_email) VALUES ($1, $2::uuid::text)",
    "billing_accounts": "INSERT INTO billing_accounts (workspace_id, opened_at, legal_name) "
    "VALUES ($1, now(), $2::uuid::text)",
    "billing_periods": "INSERT INTO billing_periods (id, workspace_id, period_start, period_end, full_start, full_end, "
    "timezone, tier_name, subscription_fee, status) "
    "VALUES ($2, $1, now(), now() + interval '1 day', now(), now() + interval '1 day', 'UTC', 't', 0, 'open')",
    "credit_grants": "INSERT INTO credit_grants (id, workspace_id, amount, category, applies_to, effective_at, reason) "
    "VALUES ($2, $1, 1, 'goodwill', 'all', now(), 'x')",
    "invoices": "INSERT INTO invoices (id, workspace_id, amount, subtotal, tax, status, period_start, period_end, "
    "customer_name, timezone, issued_at) VALUES ($2, $1, 1, 1, 0, 'paid', now(), now(), 'W', 'UTC', now())",
    "invoice_lines": "INSERT INTO invoice_lines (id, workspace_id, invoice_id, position, kind, key, description, "
    "quantity, unit, exact, amount) VALUES ($2, $1, $2, 1, 'fee', 'x', 'x', 1, 'period', 1, 1)",
    "rented_numbers": "INSERT INTO rented_numbers (id, workspace_id, phone_number, since, until, monthly_price) "
    "VALUES ($2, $1, '+14155550100', now(), now(), 1)",
    "exemptions": "INSERT INTO exemptions (id, workspace_id, rule, reason, granted_at) "
    "VALUES ($2, $1, 'tax', 'x', now())",
    "transfer_times": "INSERT INTO transfer_times (call_id, workspace_id, granted_until, is_last) "
    "VALUES ($2, $1, now(), false)",
    "warm_transfers": "INSERT INTO warm_transfers (id, workspace_id, call_id, run_id, carrier, number, language, "
    "brief, status, created_at) VALUES ($2, $1, $2, 'x', 'twilio', '+14155550100', 'en', '', 'calling', now())",
    "spend_alerts": "INSERT INTO spend_alerts (id, workspace_id, period_start, usage_limit, kind, spent, at) "
    "VALUES ($2, $1, now(), 1, 'limit', 1, now())",
    "payments": "INSERT INTO payments (id, workspace_id, invoice_id, kind, amount, currency, method, at) "
    "VALUES ($2, $1, $2, 'payment', 1, 'usd', 'bank_transfer', now())",
    "sink_customers": "INSERT INTO sink_customers (workspace_id, customer_id) VALUES ($1, $2::uuid::text)",
    "sink_invoices": "INSERT INTO sink_invoices (invoice_id, workspace_id, checked_at) VALUES ($2, $1, now())",
    "retention_limits": "INSERT INTO retention_limits (workspace_id, kind, days) "
    "VALUES ($1, 'event', 30 + ($2::uuid IS NULL)::integer)",
    "retention_progress": "INSERT INTO retention_progress (workspace_id, kind, reached_at, reached_id) "
    "VALUES ($1, 'event', now(), $2)",
    "caller_deletions": "INSERT INTO caller_deletions (id, workspace_id, caller, sealed_number, status, requested_at) "
    "VALUES ($2, $1, 'deleted-1', 'x', 'running', now())",
    "workspace_exports": "INSERT INTO workspace_exports (id, workspace_id, status, requested_at, expires_at) "
    "VALUES ($2, $1, 'running', now(), now())",
    "meter_days": "INSERT INTO meter_days (workspace_id, day, revision, seconds) "
    "VALUES ($1, now(), ($2::uuid IS NOT NULL)::integer, 1)",
    "contacts": "INSERT INTO contacts (id, workspace_id, integration_id, external_id, seen_by) "
    "VALUES ($2, $1, $2, 'x', $2)",
    "appointments": "INSERT INTO appointments (id, workspace_id, integration_id, status, starts_at, ends_at) "
    "VALUES ($2, $1, $2, 'booked', now(), now() + interval '1 hour')",
    "integration_syncs": "INSERT INTO integration_syncs (integration_id, workspace_id) VALUES ($2, $1)",
    "refund_orders": "INSERT INTO refund_orders (id, workspace_id, invoice_id, amount) VALUES ($2, $1, $2, 1)",
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace, its owner and its agent."""

    workspace_id: UUID
    user_id: UUID
    agent_id: UUID


@pytest.fixture
async def owner(fresh_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database's owner, to whom no policy applies."""
    connection = await asyncpg.connect(fresh_database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    """Connections with the role of the programs."""
    async with open_pool(fresh_database_url, size=1, timeouts=Timeouts()) as pool:
        yield pool


async def _tenant(owner: asyncpg.Connection) -> Tenant:
    tenant = Tenant(UUID(new_id()), UUID(new_id()), UUID(new_id()))
    await owner.execute(
        "INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, max_agents, "
        "max_members, max_phone_numbers, max_concurrent_calls) VALUES ('t', 'T', 0, 0, 0, 1, 1, 1, 1) "
        "ON CONFLICT DO NOTHING"
    )
    await owner.execute(
        "INSERT INTO integration_types (type, name, auth_type) VALUES ('t', 'T', 'oauth2') ON CONFLICT DO NOTHING"
    )
    await owner.execute(
        "INSERT INTO users (id, email, name, password_hash) "
        "VALUES ($1::uuid, $1::uuid::text || '@example.com', 'U', 'x')",
        tenant.user_id,
    )
    await owner.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'trial', 't')", tenant.workspace_id
    )
    await owner.execute(
        "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')",
        tenant.workspace_id,
        tenant.user_id,
    )
    await owner.execute(
        "INSERT INTO agents (id, workspace_id, name) VALUES ($1, $2, 'A')", tenant.agent_id, tenant.workspace_id
    )
    for statement in filter(None, ROWS.values()):
        await owner.execute(statement, tenant.workspace_id, tenant.agent_id)
    return tenant


async def test_raw_query_in_another_tenants_scope_sees_and_changes_nothing(
    owner: asyncpg.Connection, pool: Pool
) -> None:
    own, other = await _tenant(owner), await _tenant(owner)
    async with pool.transaction() as db:
        await enter_workspace(db, own.workspace_id, own.user_id)
        for table in ROWS:
            count = f"SELECT count(*) FROM {table} WHERE workspace_id = $1"
            assert await db.fetchval(count, own.workspace_id) == 1, table
            assert await db.fetchval(count, other.workspace_id) == 0, table
            assert await db.fetchval(f"SELECT count(*) FROM {table}") == 1, table
        for table in ("agents", "calls", "invoices", "workspace_members"):
            deleted = await db.execute(f"DELETE FROM {table} WHERE workspace_id = $1", other.workspace_id)
            assert deleted == "DELETE 0", table


async def test_inserting_into_another_tenants_workspace_fails(owner: asyncpg.Connection, pool: Pool) -> None:
    own, other = await _tenant(owner), await _tenant(owner)
    async with pool.acquire() as db:
        for table, statement in ROWS.items():
            if not statement:
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with db.transaction():
                    await enter_workspace(db, own.workspace_id, own.user_id)
                    await db.execute(statement, other.workspace_id, UUID(new_id()))
                    pytest.fail(f"{table} took a row of another workspace")


async def test_no_tenant_is_visible_without_a_scope(owner: asyncpg.Connection, pool: Pool) -> None:
    tenant = await _tenant(owner)
    async with pool.acquire() as db:
        for table in (*ROWS, "workspaces"):
            assert await db.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        async with db.transaction():
            await enter_platform(db)
            assert await db.fetchval("SELECT count(*) FROM workspaces") == 1
        assert await db.fetchval("SELECT count(*) FROM workspaces") == 0, "the scope outlived its transaction"
        async with db.transaction():
            await enter_user(db, tenant.user_id)
            assert await db.fetchval("SELECT id FROM workspaces") == tenant.workspace_id
            assert await db.fetchval("SELECT count(*) FROM agents") == 0


async def test_every_table_with_a_workspace_id_has_row_level_security(owner: asyncpg.Connection) -> None:
    await owner.execute("SELECT ensure_partitions()")
    unprotected = await owner.fetch(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE a.attname = 'workspace_id' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
          AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'audit_log'
        """
    )
    assert unprotected == []


async def test_ledger_audit_log_and_versions_are_append_only(owner: asyncpg.Connection, pool: Pool) -> None:
    tenant = await _tenant(owner)
    statements = (
        "UPDATE usage_records SET price = 0",
        "DELETE FROM usage_records",
        "UPDATE invoice_lines SET amount = 0",
        "DELETE FROM payments",
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "UPDATE agent_versions SET name = 'x'",
    )
    for statement in statements:
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(statement)
        async with pool.acquire() as db:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with db.transaction():
                    await enter_workspace(db, tenant.workspace_id)
                    await db.execute(statement)
