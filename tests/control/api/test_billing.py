"""/workspaces/{workspaceId}/billing/…: the running period, invoices as JSON and PDF, settings."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from control.analytics.rollups.service import mark_day, roll_up_days
from tests.control.api.billing_workspace import FEE, BillingWorkspace, make_billing_workspace, platform_transaction
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api, database_url: str) -> BillingWorkspace:
    return await make_billing_workspace(api, database_url)


async def test_running_period_has_fee_usage_and_limit(workspace: BillingWorkspace, database_url: str) -> None:
    now = datetime.now(UTC)
    await workspace.insert_minutes(now, 350)
    async with platform_transaction(database_url) as db:
        await mark_day(db, UUID(workspace.workspace_id), now.date())
        await roll_up_days(db, 100)
    reply = await workspace.owner.put(f"{workspace.path}/settings", {"usage_limit_monthly": 10})
    assert (reply.status, reply.body["usage_limit_monthly"]) == (200, 10)
    body = (await workspace.get("/current")).body
    assert body["current_period"]["subscription_fee"] == FEE
    # 350 minutes of which 300 are included.
    assert (body["current_period"]["subtotal"], body["current_period"]["total"]) == (6.0, FEE + 6.0)
    assert [(one["resource_type"], one["quantity"], one["cost"]) for one in body["usage_breakdown"]] == [
        ("subscription", 1, FEE), ("call_minutes", 21_000, 42.0), ("included_minutes", 18_000, -36.0),
    ]  # fmt: skip
    assert (body["included_minutes"], body["percentage_of_limit"]) == (300, 60.0)


async def test_trial_pays_nothing_and_a_new_workspace_is_in_its_first_period(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace(timezone="Europe/Berlin")
    body = (await ann.get(f"/workspaces/{workspace_id}/billing/current")).body
    assert body["current_period"]["total"] == 0
    assert (body["percentage_of_limit"], body["included_minutes"]) == (None, None)
    assert (await ann.get(f"/workspaces/{workspace_id}/billing/history")).body["total"] == 0


async def test_invoice_has_the_lines_that_add_up_to_it(workspace: BillingWorkspace) -> None:
    (listed,) = (await workspace.get("/invoices")).body["invoices"]
    # 400 minutes of which 300 are included.
    assert (listed["id"], listed["amount"], listed["status"]) == (workspace.invoice_id, FEE + 12.0, "pending")
    body = (await workspace.get(f"/invoices/{workspace.invoice_id}")).body
    assert body["invoice"] == listed
    assert [(line["kind"], line["amount"]) for line in body["lines"]] == [
        ("fee", FEE), ("minutes", 48.0), ("included", -36.0),
    ]  # fmt: skip
    (period,) = (await workspace.get("/history")).body["periods"]
    assert (period["total_amount"], period["status"], period["paid_at"]) == (FEE + 12.0, "pending", None)


async def test_invoice_is_a_pdf_for_those_who_ask_for_one(workspace: BillingWorkspace) -> None:
    path = f"{workspace.path}/invoices/{workspace.invoice_id}"
    reply = await workspace.owner.get(path, headers={"Accept": "application/pdf"})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/pdf")
    assert reply.raw.startswith(b"%PDF-")
    assert reply.headers["Content-Disposition"].startswith('inline; filename="invoice-')
    plain = await workspace.owner.get(path, headers={"Accept": "application/pdf;q=0.5, application/json"})
    assert plain.headers["Content-Type"].startswith("application/json")


async def test_link_to_the_pdf_works_in_a_browser(workspace: BillingWorkspace) -> None:
    """A browser sends no token, and prefers HTML."""
    (listed,) = (await workspace.get("/invoices")).body["invoices"]
    visitor, link = workspace.api.anonymous, listed["invoice_pdf_url"]
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
    opened = await visitor.get(link, headers=browser)
    assert (opened.status, opened.headers["Content-Type"], opened.raw[:5]) == (200, "application/pdf", b"%PDF-")
    for changed in (f"{link[:-4]}AAAA", f"/billing/invoices/{workspace.invoice_id}"):
        refused = await visitor.get(changed)
        assert (refused.status, refused.code) == (404, "invoice_not_found")


async def test_viewers_see_the_period_and_admins_the_invoices(workspace: BillingWorkspace) -> None:
    viewer = await workspace.api.member(workspace.workspace_id, "viewer")
    staff = await workspace.api.member(workspace.workspace_id, "admin")
    assert (await viewer.get(f"{workspace.path}/current")).status == 200
    assert (await viewer.get(f"{workspace.path}/invoices")).status == 403
    assert (await staff.get(f"{workspace.path}/invoices")).status == 200
    assert (await staff.put(f"{workspace.path}/settings", {"usage_limit_monthly": 1})).status == 403


async def test_invoice_of_another_workspace_is_not_found(workspace: BillingWorkspace) -> None:
    other = await workspace.api.sign_up()
    path = f"/workspaces/{await other.workspace()}/billing/invoices/{workspace.invoice_id}"
    reply = await other.get(path)
    assert (reply.status, reply.code) == (404, "invoice_not_found")


async def test_settings_name_the_invalid_field(workspace: BillingWorkspace) -> None:
    for body, param in (
        ({"usage_limit_monthly": -1}, "usage_limit_monthly"),
        ({"alert_threshold_percentage": 0}, "alert_threshold_percentage"),
        ({"country": "XX"}, "country"), ({"billing_email": "nobody"}, "billing_email"),
    ):  # fmt: skip
        reply = await workspace.owner.put(f"{workspace.path}/settings", body)
        assert (reply.status, reply.param) == (422, param)
    changed = await workspace.owner.put(
        f"{workspace.path}/settings", {"country": "DE", "tax_id": "DE1", "billing_email": "Bill@example.com"}
    )
    assert changed.body == (await workspace.get("/settings")).body
    assert (changed.body["country"], changed.body["billing_email"]) == ("DE", "bill@example.com")
    assert changed.body["usage_limit_monthly"] is None
