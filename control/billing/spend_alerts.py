"""Tells workspaces by e-mail that their spending limit is near or reached, once for each limit and period."""

from datetime import datetime
from uuid import UUID

import structlog

from control.accounts.email_delivery import Email
from control.billing import store_alerts
from control.billing.accounts import AlertKind, SpendAlert
from control.billing.money import format_money, round_money
from control.billing.reported_invoices import report_limit
from control.billing.service import Billing
from control.billing.spend_snapshot import SpendSnapshot
from control.db.pool import Connection
from shared.ids import new_id

log = structlog.get_logger()


def find_due(snapshot: SpendSnapshot, *, is_refusing: bool) -> AlertKind | None:
    """The alert that is due and that the workspace has not had yet; at the limit none of the threshold follows.
    is_refusing: running calls got no more time."""
    limit, budget = snapshot.limit, snapshot.budget
    is_short = limit.ends_calls and budget.micros < snapshot.minute_micros
    due: AlertKind | None = "threshold" if budget.percentage >= limit.threshold else None
    if is_refusing or is_short or budget.spent >= budget.limit:
        due = "limit"
    return None if due in snapshot.told or "limit" in snapshot.told else due


async def send_alert(
    db: Connection, billing: Billing, snapshot: SpendSnapshot, now: datetime, *, is_refusing: bool
) -> AlertKind | None:
    """Stores and e-mails the alert that is due; returns it. Needs platform scope."""
    kind = find_due(snapshot, is_refusing=is_refusing)
    if kind is None or not await store_alerts.insert_alert(db, _make_alert(snapshot, kind, now)):
        return None
    log.info("spend_limit.noticed", workspace_id=str(snapshot.workspace_id), kind=kind)
    await report_limit(db, snapshot, kind, now)
    to = await billing.find_recipient(db, snapshot.workspace_id)
    if to is not None:
        page = billing.page(f"workspaces/{snapshot.workspace_id}/billing/settings")
        await billing.send(db, alert_email(to, snapshot, kind, page))
    return kind


def alert_email(to: str, snapshot: SpendSnapshot, kind: AlertKind, link: str) -> Email:
    """What the workspace is told."""
    currency, limit = snapshot.period.currency, snapshot.limit
    spent = format_money(round_money(snapshot.budget.spent, currency), currency)
    most = format_money(round_money(snapshot.budget.limit, currency), currency)
    if kind == "threshold":
        subject = f"{limit.workspace_name}: {limit.threshold} % of the spending limit is used"
        what = f"{spent} of the {most} that {limit.workspace_name} may spend are used."
        then = "Calls will end at the limit." if limit.ends_calls else "Calls will go on beyond the limit."
    else:
        subject = f"{limit.workspace_name}: the spending limit is reached"
        what = f"{limit.workspace_name} has used {spent}, and may spend {most}."
        then = (
            "Calls end now, and no further ones are answered until there is more money to spend."
            if limit.ends_calls
            else "Calls go on, as you chose."
        )
    text = f"Hello,\n\n{what} {then}\n\nYou can see and change it here:\n\n{link}\n"
    return Email(to, subject, text)


def _make_alert(snapshot: SpendSnapshot, kind: AlertKind, now: datetime) -> SpendAlert:
    return SpendAlert(
        id=UUID(new_id()),
        workspace_id=snapshot.workspace_id,
        period_start=snapshot.period.period.start,
        usage_limit=snapshot.budget.limit,
        kind=kind,
        spent=snapshot.budget.spent,
        at=now,
        threshold_percentage=snapshot.limit.threshold,
        ends_calls=snapshot.limit.ends_calls,
    )
