"""One meaning of money: all pages show the same number for the same days."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.analytics.rollups.service import WorkspaceDay, mark_days, roll_up_days
from control.billing.accounts.rules import WorkspaceState
from control.billing.accruals.service import make_accrue
from control.billing.invoices import service as invoices_service
from control.billing.invoices.service import issue_own
from control.billing.periods import queries as periods_queries
from shared.ids import new_id
from tests.control.billing.money_history import HistoricCall, History, insert_histories
from tests.control.billing.money_scene import Scene, get, open_scene
from tests.platform.clients import Client, User

OPENED: Final = datetime(2041, 12, 1, 14, 19, tzinfo=UTC)
# Six calls at the price of the tier Growth, 0.10 a minute: 81 s, 0.135.
SECONDS: Final = (14, 14, 14, 13, 13, 13)
# The fee of 199.00 from 1 December, 14:19, to the end of the month, and of the rest of that day.
FEE, FIRST_DAY = 195.17, 2.590031


def make_history(status: str, calls: tuple[int, ...] = SECONDS) -> History:
    return History(
        workspace_id=UUID(new_id()),
        timezone="UTC",
        currency="usd",
        country=None,
        anchor_day=1,
        opened_at=OPENED,
        states=[WorkspaceState(OPENED, status, "growth" if status == "active" else "trial")],
        calls=[
            HistoricCall(UUID(new_id()), OPENED + timedelta(minutes=minute), seconds, 0, Decimal("0.10"), False)
            for minute, seconds in enumerate(calls, 1)
        ],
        numbers=[],
        grants=[],
        close_last=True,
    )


async def arrange(scene: Scene, history: History) -> User:
    """Inserts the history; returns its owner."""
    user = await scene.api.sign_up()
    await insert_histories(scene.api.owner, [history], UUID(user.id))
    await scene.open_periods()
    await scene.roll_up()
    return user


async def read_figures(scene: Scene, staff: Client, user: Client, history: History) -> dict[str, Any]:
    """What each page says of this month, and of the year."""
    path = f"/workspaces/{history.workspace_id}"
    costs = await get(user, f"{path}/analytics/costs", {"period": "month"})
    shown = {"analytics/costs": costs["current_period_cost"]}
    for period in ("month", "year"):
        query = {"period": period}
        overview = await get(staff, "/admin/billing/overview", query)
        shown |= {
            f"billing/overview {period}": overview["total_revenue"],
            f"dashboard/revenue {period}": (await get(staff, "/admin/dashboard/revenue", query))["total_revenue"],
            f"analytics/platform {period}": (await get(staff, "/admin/analytics/platform", query))["total_revenue"],
            f"analytics/costs {period}": (await get(staff, "/admin/analytics/costs", query))["total_revenue"],
        }
        assert overview["usage_list_price"] == costs["usage_list_price"] == 0.135
    shown["dashboard/overview"] = (await get(staff, "/admin/dashboard/overview"))["total_revenue_month"]
    return {name: round(amount, 6) for name, amount in shown.items()}


async def test_six_calls_within_the_allowance_of_growth(fresh_database_url: str, valkey_url: str) -> None:
    """Billing said 195.17, all other pages 0.135."""
    history = make_history("active")
    async with open_scene(fresh_database_url, valkey_url, OPENED + timedelta(hours=1)) as scene:
        user, staff = await arrange(scene, history), await scene.api.admin()
        path = f"/workspaces/{history.workspace_id}"
        current = (await get(user, f"{path}/billing/current"))["current_period"]
        assert (current["subtotal"], current["subscription_fee"], current["total"]) == (0, FEE, FEE)
        assert (current["usage_list_price"], current["usage_billed"]) == (0.135, 0)
        assert round(current["fees_accrued"], 6) == round(current["accrued_total"], 6) == FIRST_DAY
        assert set((await read_figures(scene, staff, user, history)).values()) == {FIRST_DAY}
        calls = (await get(user, f"{path}/calls"))["calls"]
        assert [call["cost_total"] for call in calls] == [0] * 6
        assert round(sum(call["cost_list"] for call in calls), 6) == 0.135

        scene.clock.now = datetime(2041, 12, 31, 23, tzinfo=UTC)
        user, staff = await scene.api.sign_in(user.email), await scene.api.admin()
        await scene.roll_up()
        assert {round(figure, 2) for figure in (await read_figures(scene, staff, user, history)).values()} == {FEE}

        scene.clock.now = datetime(2042, 1, 1, 12, tzinfo=UTC)
        user, staff = await scene.api.sign_in(user.email), await scene.api.admin()
        await close_period(scene, history)
        (invoice,) = (await get(user, f"{path}/billing/invoices"))["invoices"]
        assert invoice["amount"] == FEE
        december = await get(staff, "/admin/analytics/platform", {"from": "2041-12-01", "to": "2041-12-31"})
        assert round(december["total_revenue"], 2) == FEE, "December has its fee once, also after its period is closed"
        year = await get(staff, "/admin/analytics/platform", {"from": "2041-01-01", "to": "2041-12-31"})
        assert year["total_revenue"] == december["total_revenue"]


async def close_period(scene: Scene, history: History) -> None:
    await scene.open_periods()
    async with scene.transaction() as db:
        first = (await periods_queries.select_open(db, history.workspace_id))[0]
        closed = await invoices_service.close_period(db, first.id, scene.clock.now)
        assert closed is not None and closed.invoice_id is not None
        await issue_own(db, closed.invoice_id, scene.clock.now, 14)
    await scene.roll_up()


async def test_a_trial_is_billed_nothing_and_includes_no_number_of_minutes(
    fresh_database_url: str, valkey_url: str
) -> None:
    history = make_history("trial")
    async with open_scene(fresh_database_url, valkey_url, OPENED + timedelta(hours=1)) as scene:
        user, staff = await arrange(scene, history), await scene.api.admin()
        path = f"/workspaces/{history.workspace_id}"
        current = await get(user, f"{path}/billing/current")
        assert (current["current_period"]["total"], current["current_period"]["accrued_total"]) == (0, 0)
        assert current["current_period"]["usage_list_price"] == 0.135
        assert set((await read_figures(scene, staff, user, history)).values()) == {0}
        for calls in (await get(user, f"{path}/calls"), await get(staff, "/admin/calls")):
            assert {call["cost_total"] for call in calls["calls"]} == {0}
            assert round(sum(call["cost_list"] for call in calls["calls"]), 6) == 0.135
        limits = (await get(user, path))["subscription"]["limits"]
        assert limits["included_minutes"] is current["included_minutes"] is None


async def test_a_call_of_a_trial_costs_nothing_before_it_is_rolled_up(fresh_database_url: str, valkey_url: str) -> None:
    history = make_history("trial")
    async with open_scene(fresh_database_url, valkey_url, OPENED + timedelta(hours=1)) as scene:
        user = await scene.api.sign_up()
        await insert_histories(scene.api.owner, [history], UUID(user.id))
        calls = (await get(user, f"/workspaces/{history.workspace_id}/calls"))["calls"]
        assert {call["cost_total"] for call in calls} == {0}


async def test_a_missing_price_of_telephony_leaves_the_margin_unknown(fresh_database_url: str, valkey_url: str) -> None:
    """The margin was 1.0."""
    history = make_history("active", (60,))
    async with open_scene(fresh_database_url, valkey_url, OPENED + timedelta(hours=1)) as scene:
        await arrange(scene, history)
        staff, call = await scene.api.admin(), history.calls[0]
        known = await get(staff, "/admin/analytics/costs", {"period": "month"})
        assert (known["profit_margin"], known["unpriced"], known["warning"]) == (
            round(1 - 0.006 / FIRST_DAY, 4),
            0,
            None,
        )
        await scene.api.owner.execute(
            "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, quantity, unit, cost, "
            "price) VALUES ($1, $2, $3, $4, 'telephony', 'twilio', 60, 'second', NULL, 0)",
            UUID(new_id()), history.workspace_id, call.id, call.at,
        )  # fmt: skip
        await scene.api.owner.execute(
            "INSERT INTO rollup_dirty (workspace_id, day) VALUES ($1, $2)", history.workspace_id, call.at.date()
        )
        await scene.roll_up()
        warning = "1 entry of the ledger has no known cost and counts as 0."
        for page in ("/admin/analytics/costs", "/admin/analytics/platform"):
            found = await get(staff, page, {"period": "month"})
            assert (found["profit_margin"], found["unpriced"], found["warning"]) == (None, 1, warning)
        costs = await get(staff, "/admin/analytics/costs", {"period": "month"})
        assert [(row["margin"], row["unpriced"]) for row in costs["by_workspace"]] == [(None, 1)]
        margins = {row["provider"]: (row["margin"] is None, row["unpriced"]) for row in costs["by_provider"]}
        assert margins["twilio"] == (True, 1)
        overview = await get(staff, "/admin/billing/overview", {"period": "month"})
        assert (overview["unpriced"], overview["warning"]) == (1, warning)
        shown = (await get(staff, f"/admin/calls/{call.id}"))["call"]
        assert (shown["provider_cost"], shown["warning"]) == (None, warning)


async def test_workers_at_once_accrue_each_amount_once(fresh_database_url: str, valkey_url: str) -> None:
    """Four workers take marks of different days of the same two workspaces."""
    histories = [make_history("active", (30_000,) * 8), make_history("trial", (600,) * 8)]
    async with open_scene(fresh_database_url, valkey_url, OPENED + timedelta(days=9)) as scene:
        user = await scene.api.sign_up()
        await insert_histories(scene.api.owner, histories, UUID(user.id))
        await scene.open_periods()
        days = [OPENED.date() + timedelta(days=number) for number in range(9)]
        async with scene.transaction() as db:
            await mark_days(db, [WorkspaceDay(history.workspace_id, day) for day in days for history in histories])

        async def work() -> None:
            count = -1
            while count:
                async with scene.transaction() as db:
                    count = await roll_up_days(db, 1, make_accrue(scene.clock))

        await asyncio.gather(*(work() for _ in range(4)))
        for history in histories:
            path = f"/workspaces/{history.workspace_id}"
            current = (await get(user, f"{path}/billing/current"))["current_period"]
            costs = await get(user, f"{path}/analytics/costs", {"period": "month"})
            assert round(costs["current_period_cost"], 6) == round(current["accrued_total"], 6)
        # The plan includes its share of 1,500 of the 4,000 minutes.
        figures = await get(user, f"/workspaces/{histories[0].workspace_id}/analytics/costs", {"period": "month"})
        assert figures["usage_list_price"] == 400
        included = 1_500 * Decimal(str(FEE)) / 199
        assert abs(Decimal(str(figures["usage_billed"])) - (4_000 - included) / 10) < Decimal("0.01")
