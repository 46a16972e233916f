"""/admin/billing/…: overview, balances, invoices, payments, refunds, credits, tax rates."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from control.billing.invoices import service as invoices_service
from control.billing.periods import queries as periods_queries
from shared.ids import new_id
from tests.control.api.billing_workspace import (
    FEE,
    BillingWorkspace,
    make_billing_workspace,
    platform_transaction,
)
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff

TOTAL = FEE + 12.0


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api, database_url: str) -> BillingWorkspace:
    return await make_billing_workspace(api, database_url)


@pytest.fixture
async def finance(api: Api) -> Staff:
    return await api.admin("finance")


async def balance(staff: Staff, workspace: BillingWorkspace) -> tuple[float, str]:
    rows = (await staff.get("/admin/billing/workspaces")).body["workspaces"]
    (row,) = (one for one in rows if one["workspace_id"] == workspace.workspace_id)
    return row["current_balance"], row["payment_status"]


async def test_invoice_is_paid_in_parts_and_paid_back(workspace: BillingWorkspace, finance: Staff) -> None:
    invoice = f"/admin/billing/invoices/{workspace.invoice_id}"
    assert await balance(finance, workspace) == (TOTAL, "pending")
    before = (await finance.get("/admin/billing/overview")).body["payment_status"]
    part = await finance.post(f"{invoice}/payments", {"amount": 11, "reference": f"R {workspace.invoice_id}"})
    assert (part.status, part.body["invoice"]["status"], part.body["invoice"]["amount_paid"]) == (200, "pending", 11)
    again = await finance.post(f"{invoice}/payments", {"amount": 11, "reference": f"R {workspace.invoice_id}"})
    assert again.body["invoice"]["amount_paid"] == 11, "the same transfer is recorded once"
    high = await finance.post(f"{invoice}/payments", {"amount": TOTAL})
    assert (high.status, high.code, high.param) == (422, "amount_too_high", "amount")
    rest = (await finance.post(f"{invoice}/payments", {})).body["invoice"]
    assert (rest["status"], rest["amount_paid"]) == ("paid", TOTAL) and rest["paid_at"]
    assert await balance(finance, workspace) == (0, "paid")
    assert (await workspace.get("/history")).body["periods"][0]["status"] == "paid"
    assert (await finance.post(f"{invoice}/payments", {})).code == "invoice_not_open"
    assert (await finance.post(f"{invoice}/void", {"reason": "x"})).code == "invoice_not_open"
    back = (await finance.post(f"{invoice}/refunds", {"amount": 20, "reason": "An outage"})).body["invoice"]
    assert (back["status"], back["amount_refunded"]) == ("paid", 20)
    assert (await finance.post(f"{invoice}/refunds", {"amount": TOTAL})).code == "amount_too_high"
    assert (await finance.post(f"{invoice}/refunds", {})).body["invoice"]["amount_refunded"] == TOTAL
    assert (await finance.post(f"{invoice}/refunds", {})).code == "invoice_not_paid"
    assert (await finance.get("/admin/billing/overview")).body["payment_status"]["paid"] == before["paid"]


async def test_what_is_paid_back_before_all_is_paid_is_due_again(workspace: BillingWorkspace, finance: Staff) -> None:
    """A refund has the reference of its payment, as banks write it."""
    invoice, sent = f"/admin/billing/invoices/{workspace.invoice_id}", {"amount": 11, "reference": "Transfer 1"}
    await finance.post(f"{invoice}/payments", sent)
    other = await finance.post(f"{invoice}/payments", {**sent, "amount": 12})
    assert (other.status, other.code, other.param) == (409, "reference_used", "reference")
    for _ in range(2):
        back = (await finance.post(f"{invoice}/refunds", sent)).body["invoice"]
        assert (back["status"], back["amount_refunded"]) == ("pending", 11)
    assert await balance(finance, workspace) == (TOTAL, "pending")
    paid = (await finance.post(f"{invoice}/payments", {})).body["invoice"]
    assert (paid["status"], paid["amount_paid"]) == ("paid", TOTAL + 11)


async def test_one_transfer_pays_two_invoices(
    api: Api, database_url: str, workspace: BillingWorkspace, finance: Staff
) -> None:
    other = await make_billing_workspace(api, database_url)
    for one in (workspace, other):
        sent = {"amount": TOTAL, "reference": f"Both {workspace.invoice_id}"}
        paid = await finance.post(f"/admin/billing/invoices/{one.invoice_id}/payments", sent)
        assert paid.body["invoice"]["status"] == "paid"


async def test_void_invoice_is_not_owed_and_reversed_in_the_ledger(workspace: BillingWorkspace, finance: Staff) -> None:
    invoice = f"/admin/billing/invoices/{workspace.invoice_id}"
    assert (await finance.post(f"{invoice}/void", {})).param == "reason"
    void = (await finance.post(f"{invoice}/void", {"reason": "Wrong company"})).body["invoice"]
    assert (void["status"], void["voided_why"]) == ("void", "Wrong company")
    assert (await finance.post(f"{invoice}/void", {"reason": "Again"})).body["invoice"]["voided_why"] == "Wrong company"
    assert await balance(finance, workspace) == (0, "paid")
    left = await workspace.api.owner.fetchval(
        "SELECT sum(price) FROM usage_records WHERE workspace_id::text = $1", workspace.workspace_id
    )
    assert left == 0
    assert (await workspace.get("/history")).body["periods"][0]["status"] == "void"


async def test_late_rows_of_a_void_invoice_credit_nothing(
    api: Api, database_url: str, workspace: BillingWorkspace, finance: Staff
) -> None:
    """The carrier corrects 400 minutes to 300, all of which the plan includes."""
    await finance.post(f"/admin/billing/invoices/{workspace.invoice_id}/void", {"reason": "Wrong company"})
    first = await api.owner.fetchrow(
        "SELECT * FROM billing_periods WHERE workspace_id::text = $1 AND status = 'void'", workspace.workspace_id
    )
    await workspace.insert_minutes(first["period_start"] + timedelta(days=3), -100)
    async with platform_transaction(database_url) as db:
        (second,) = await periods_queries.select_open(db, UUID(workspace.workspace_id))
        assert await invoices_service.close_period(db, second.id, second.period.end) is not None
    lines = await api.owner.fetch(
        "SELECT kind, exact FROM invoice_lines WHERE billing_period_id = $1 AND is_adjustment ORDER BY position",
        first["id"],
    )
    assert [tuple(line) for line in lines] == [("minutes", -12), ("credit", 12)]
    left = await api.owner.fetchval(
        "SELECT sum(price) FROM usage_records WHERE workspace_id = $1 AND at < $2",
        UUID(workspace.workspace_id),
        first["period_end"],
    )
    assert left == 0


async def test_invoices_by_workspace_and_status(workspace: BillingWorkspace, finance: Staff) -> None:
    found = await finance.get("/admin/billing/invoices", params={"workspace_id": workspace.workspace_id})
    (one,) = found.body["invoices"]
    assert (one["id"], one["workspace_name"], one["amount"]) == (workspace.invoice_id, "Acme Dental", TOTAL)
    query = {"workspace_id": workspace.workspace_id, "status": "paid"}
    assert (await finance.get("/admin/billing/invoices", params=query)).body["total"] == 0


async def test_credit_is_granted_listed_and_ended(workspace: BillingWorkspace, finance: Staff) -> None:
    path = f"/admin/billing/workspaces/{workspace.workspace_id}/credits"
    made = await finance.post(path, {"amount": 25, "reason": "Welcome", "category": "promotional"})
    assert made.status == 201
    (listed,) = (await workspace.get("/credits")).body["credits"]
    assert (listed["balance"], listed["category"]) == (25, "promotional")
    ended = await finance.post(f"/admin/billing/credits/{made.body['credit']['id']}/void", {"reason": "A mistake"})
    assert ended.body["credit"]["balance"] == 0
    early = {"amount": 1, "reason": "x", "effective_at": "2026-11-02T00:00:00Z", "expires_at": "2026-11-01T00:00:00Z"}
    assert (await finance.post(path, early)).code == "expiry_invalid"
    assert (await finance.post(path, {"amount": 0.001, "reason": "x"})).code == "amount_invalid"


async def test_tax_rate_is_added_once(workspace: BillingWorkspace, finance: Staff) -> None:
    rate = {"country": "DE", "name": "VAT", "basis_points": 1900, "valid_from": "2026-01-01T00:00:00Z"}
    assert (await finance.post("/admin/billing/tax-rates", rate)).status == 201
    assert (await finance.post("/admin/billing/tax-rates", rate)).code == "tax_rate_exists"
    (listed,) = (await finance.get("/admin/billing/tax-rates")).body["tax_rates"]
    assert {name: listed[name] for name in rate} == rate
    path = f"/admin/billing/workspaces/{workspace.workspace_id}/tax-exemption"
    assert (await finance.put(path, {"is_tax_exempt": True, "reason": "Reverse charge"})).status == 204


async def test_workspace_that_pays_in_advance(workspace: BillingWorkspace, finance: Staff) -> None:
    path = f"/admin/billing/workspaces/{workspace.workspace_id}/prepayment"
    assert (await finance.put(path, {"is_prepaid": True})).status == 204
    row = await workspace.api.owner.fetchrow(
        "SELECT is_prepaid FROM billing_accounts WHERE workspace_id = $1", UUID(workspace.workspace_id)
    )
    assert row["is_prepaid"]
    assert (await finance.put(path.replace(workspace.workspace_id, str(UUID(int=1))), {"is_prepaid": True})).code == (
        "workspace_not_found"
    )
    assert (await (await workspace.api.admin("support")).put(path, {"is_prepaid": False})).status == 403


async def test_overview_has_revenue_by_tier(workspace: BillingWorkspace, finance: Staff) -> None:
    body = (await finance.get("/admin/billing/overview", params={"period": "year"})).body
    assert body["profit"] == pytest.approx(body["total_revenue"] - body["total_cost"])
    assert {one["tier"] for one in body["by_tier"]} >= {"starter"}
    assert (await (await workspace.api.admin("support")).get("/admin/billing/overview")).status == 403


async def test_who_exempted_which_workspace_and_why(workspace: BillingWorkspace, finance: Staff) -> None:
    path = f"/admin/billing/workspaces/{workspace.workspace_id}"
    tax, method = f"{path}/tax-exemption", f"{path}/payment-method-exemption"
    refused = await finance.put(tax, {"is_tax_exempt": True, "reason": "  "})
    assert (refused.status, refused.code, refused.param) == (422, "reason_required", "reason")
    for reason in ("Mistaken", "Reverse charge"):
        assert (await finance.put(tax, {"is_tax_exempt": True, "reason": reason})).status == 204
    assert (await finance.put(method, {"is_payment_method_exempt": True, "reason": "Transfers"})).status == 204
    url = f"/admin/billing/exemptions?workspace_id={workspace.workspace_id}"
    listed = (await finance.get(url)).body["exemptions"]
    assert [(one["rule"], one["reason"]) for one in listed] == [
        ("payment_method", "Transfers"), ("tax", "Reverse charge"),
    ]  # fmt: skip
    assert "@" in listed[0]["granted_by"] and listed[0]["workspace_name"]
    assert (await finance.put(method, {"is_payment_method_exempt": False})).status == 204
    assert [exemption["rule"] for exemption in (await finance.get(url)).body["exemptions"]] == ["tax"]
    assert (await finance.get(f"{url}&rule=payment_method")).body["exemptions"] == []
    assert [
        exemption["rule"] for exemption in (await finance.get("/admin/billing/exemptions?rule=tax")).body["exemptions"]
    ]


async def test_a_workspace_sees_when_it_was_told_of_its_limit(workspace: BillingWorkspace) -> None:
    await workspace.api.owner.execute(
        "INSERT INTO spend_alerts (id, workspace_id, period_start, usage_limit, kind, spent, at, threshold_percentage,"
        " ends_calls) VALUES ($1, $2, $3, 50, 'threshold', 41.5, $4, 80, true), ($5, $2, $3, 50, 'limit', 50, $6, 80,"
        " true)",
        UUID(new_id()), UUID(workspace.workspace_id), datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 9, tzinfo=UTC), UUID(new_id()), datetime(2026, 11, 12, tzinfo=UTC),
    )  # fmt: skip
    reply = await workspace.get("/alerts")
    assert [(alert["kind"], alert["at"][:10], alert["spent"]) for alert in reply.body["alerts"]] == [
        ("limit", "2026-11-12", 50), ("threshold", "2026-11-09", 41.5),
    ]  # fmt: skip
    assert (
        reply.body["alerts"][0] | {"usage_limit": 50, "alert_threshold_percentage": 80, "ends_calls": True}
        == (reply.body["alerts"][0])
    )
    assert reply.body["has_more"] is False
