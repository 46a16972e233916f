"""The metric of usage without a price."""

from control.billing.invoices.service import Invoices
from control.billing.limits.service import SpendGuard
from control.billing.payments.service import Payments
from control.billing.tasks import REPORTED, billing_tasks
from control.calls.transfers.service import enqueue_transfer_end
from control.worker_runtime import WorkerMetrics
from control.workspaces.service import Workspaces
from tests.control.billing.scripted_call import make_events, write_facts
from tests.control.calls.call_platform import CallPlatform, later

STANDIN = 'vocalized_worker_unpriced_usage{provider="standin",resource_type="tts",unit="characters"}'
LINE = 'vocalized_worker_unpriced_usage{provider="twilio",resource_type="telephony",unit="second"}'


async def test_usage_without_a_price_is_reported_for_a_day(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    metrics = WorkerMetrics()
    tasks = billing_tasks(
        platform.pool,
        platform.services[Workspaces],
        platform.services[Invoices],
        platform.services[Payments],
        platform.services[SpendGuard],
        metrics.report_unpriced,
        enqueue_transfer_end,
    )
    (duty,) = (one for one in tasks.duties if one.name == "unpriced_usage")
    assert await duty.run_once(platform.pool, later(60)) == 2
    lines = metrics.render().decode().splitlines()
    assert f"{STANDIN} 1.0" in lines and f"{LINE} 1.0" in lines
    assert not [line for line in lines if "unpriced_usage{" in line and "deepgram" in line]
    assert await duty.run_once(platform.pool, later(3_600) + REPORTED) == 0
    assert "unpriced_usage{" not in metrics.render().decode()
