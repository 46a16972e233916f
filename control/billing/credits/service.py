"""Grants and voids credits for staff. Needs platform scope. The audit log records each change."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.billing.accounts import queries as accounts_queries
from control.billing.credits import queries
from control.billing.credits.rules import CreditGrant
from control.billing.money import require_exact
from control.db.pool import Connection
from shared.errors import Invalid, NotFound


async def grant_credit(db: Connection, actor: Actor, grant: CreditGrant) -> CreditGrant:
    """Store a grant. Raises NotFound (code workspace_not_found) and Invalid (codes amount_invalid, expiry_invalid)."""
    if await accounts_queries.select_facts(db, grant.workspace_id) is None:
        raise NotFound("This workspace does not exist.", code="workspace_not_found")
    require_exact(grant.amount, grant.currency)
    if grant.expires_at is not None and grant.expires_at <= grant.effective_at:
        raise Invalid("The credit would expire before it takes effect.", param="expires_at", code="expiry_invalid")
    await queries.insert_grant(db, grant)
    after = {"amount": str(grant.amount), "category": grant.category}
    await record_change(db, actor, _grant_change("credit.grant", grant, after, grant.reason))
    return grant


async def void_credit(db: Connection, actor: Actor, grant_id: UUID, reason: str, now: datetime) -> CreditGrant:
    """Void a grant. Amounts that invoices already took stay. Raises NotFound (code credit_not_found)."""
    grant = await queries.select_grant(db, grant_id)
    if grant is None:
        raise NotFound("This credit does not exist.", code="credit_not_found")
    if grant.voided_at is None:
        await queries.void_grant(db, grant_id, now)
        await record_change(db, actor, _grant_change("credit.void", grant, {"balance": "0"}, reason))
        grant = replace(grant, voided_at=now)
    return grant


def _grant_change(action: str, grant: CreditGrant, after: Mapping[str, str], reason: str) -> Change:
    return Change(action, "credit", str(grant.id), grant.workspace_id, after=after, reason=reason)
