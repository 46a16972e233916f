"""Numbers whose order waits at Telnyx for documents."""

import pytest

from control.carriers.service import Carriers
from control.db.jobs import JobFailed
from control.db.scope import enter_platform
from control.numbers.service import make_payload
from control.numbers.tasks import make_buy_job
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.numbers.conftest import NumbersWorkspace

NUMBER = "+14155550123"


async def test_number_that_waits_for_documents_is_not_active(
    workspace: NumbersWorkspace, carriers: Carriers, telnyx_peer: TelnyxPeer
) -> None:
    """The customer sees what it waits for. Once Telnyx has activated it, the job finishes the purchase."""
    buy = make_buy_job(workspace.pool, workspace.numbers, carriers)
    telnyx_peer.requirement = "requirement-info-pending"
    number = await workspace.buy(NUMBER, "telnyx")
    for _ in range(2):
        with pytest.raises(JobFailed) as failed:
            await buy(make_payload(number.id))
        assert not failed.value.is_permanent
        waiting = await workspace.get(number)
        assert waiting.status == "buying"
        assert "documents" in (waiting.status_detail or "")
        telnyx_peer.add_number(NUMBER, str(number.id))["status"] = "requirement-info-pending"
    telnyx_peer.numbers.popitem()
    (row,) = telnyx_peer.numbers.values()
    row["status"] = "active"
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    assert (after.status, after.status_detail) == ("active", None)
    async with workspace.pool.transaction() as db:
        await enter_platform(db)
        waited = await db.fetchval("SELECT bought_at > created_at FROM phone_numbers WHERE id = $1", number.id)
    assert waited, "its rent begins when it is active"
    assert len(telnyx_peer.requests_to("POST /v2/number_orders")) == 1
