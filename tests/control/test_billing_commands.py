"""`python -m control explain` on a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from control.__main__ import main
from control.billing.figures.service import explain_figure
from shared.ids import new_id
from tests.control.api.billing_workspace import (
    BillingWorkspace,
    insert_minutes,
    make_billing_workspace,
    platform_transaction,
)
from tests.platform.api import running_api


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    # It would log to this test's captured stream, which is closed when the test is over.
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)


@pytest.fixture
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[BillingWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await make_billing_workspace(api, database_url)


async def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """In a thread, because the command runs an event loop of its own."""
    assert await asyncio.to_thread(main, ["explain", *arguments]) == 0
    return capsys.readouterr().out


async def test_every_line_is_explained_by_the_ledger(
    workspace: BillingWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (await workspace.get(f"/invoices/{workspace.invoice_id}")).body["lines"]
    texts = [await explain(capsys, "invoice-line", line["id"]) for line in lines]
    assert [text.splitlines()[-1].endswith("the records agree") for text in texts] == [True] * 3
    assert "1 rows call_minutes (usage, price version 1): 24000.000000 second, 48.000000000 USD" in texts[1]
    assert "1 rows included_minutes" in texts[2] and "-36.000000000 USD" in texts[2]
    # A row that came later is billed by no invoice yet.
    await insert_minutes(workspace.api.owner, workspace.workspace_id, datetime.fromisoformat(lines[1]["since"]), 10)
    assert "the records have 1.200000000 USD more" in await explain(capsys, "invoice-line", lines[1]["id"])


async def test_unknown_line_is_an_error(workspace: BillingWorkspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["explain", "invoice-line", new_id()]) == 1
    assert capsys.readouterr().err == "control: This invoice line does not exist.\n"


async def test_figures_are_explained(
    workspace: BillingWorkspace, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "starter: " in await explain(capsys, "figure", "mrr")
    now = datetime.now(UTC)
    await insert_minutes(workspace.api.owner, workspace.workspace_id, now, 5)
    async with platform_transaction(database_url) as db:
        found = await explain_figure(db, "total_revenue_month", now)
    assert found.difference >= 0.6, "the row is in no roll-up yet"
    assert "total_cost_month" in await explain(capsys, "figure", "total_cost_month")
