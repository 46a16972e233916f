"""What carriers tell, and calls that go on after a loss."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from control.agents.model import Edit
from control.calls.hanging import HANG_UP, HangUp
from control.calls.model import Admitted, CarrierRecording, Open, Progress, Refused
from control.calls.policy import MOST_LEGS
from control.calls.service import FETCH, Fetch
from shared.bus.checkpoints import Checkpoint
from shared.events import Status, Usage
from shared.plan import HeardMessage
from tests.control.calls.stage import NOW, House, Shop, later


async def say(house: House, name: str, status: Status | None, seconds: float = 0, **given: Any) -> None:
    progress = Progress("twilio", name, status, later(seconds), **given)
    await house.staff(lambda db: house.calls.progress(db, progress))


async def outbound(house: House, shop: Shop, name: str) -> UUID:
    """One that was dialled."""
    call_id = await house.place(shop, "+12125550123")
    order = await house.staff(lambda db: house.calls.placing.begin(db, call_id, NOW))
    assert order is not None
    assert await house.staff(lambda db: house.calls.placing.placed(db, call_id, name, NOW))
    return call_id


async def test_an_inbound_calls_way(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA-way")
    await say(house, "CA-way", "in_progress", 2)
    row = await house.row(call.call_id)
    assert (row["status"], row["answered_at"]) == ("in_progress", later(2))
    await say(house, "CA-way", "completed", 32, duration_s=30, details={"status": "completed"})
    await say(house, "CA-way", "ringing", 1)
    await say(house, "CA-way", "completed", 40, duration_s=30)
    row = await house.row(call.call_id)
    assert (row["status"], row["end_reason"], row["ended_at"]) == ("completed", "caller_hangup", later(32))
    assert row["duration_seconds"] == 30
    assert row["details"]["carrier"] == {"status": "completed", "duration_s": 30}


async def test_words_on_unknown_calls_are_passed_over(house: House) -> None:
    await say(house, "CA-unknown", "completed")
    await say(house, "CA-unknown", "completed", call_id=uuid4())


async def test_many_words_at_once_leave_one_final_state(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA-many")
    words: list[Status] = ["ringing", "in_progress", "completed", "busy", "failed", "no_answer", "ringing"]
    await asyncio.gather(*(say(house, "CA-many", word, place) for place, word in enumerate(words)))
    first = (await house.row(call.call_id))["status"]
    assert first in ("completed", "busy", "failed", "no_answer")
    await asyncio.gather(*(say(house, "CA-many", word, place) for place, word in enumerate(words)))
    assert (await house.row(call.call_id))["status"] == first


async def test_our_call_is_answered(house: House) -> None:
    shop = await house.shop()
    call_id = await outbound(house, shop, "CA-ours")
    made = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-ours", call_id, later(5)))
    assert isinstance(made, Admitted)
    assert (made.call_id, made.plan.agent.greeting) == (call_id, "Hello.")
    row = await house.row(call_id)
    assert (row["status"], row["answered_at"]) == ("in_progress", later(5))
    again = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-ours", call_id, later(6)))
    assert again == made


async def test_it_may_be_answered_before_its_id_was_noted(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, "+12125550123")
    made = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-fast", call_id, NOW))
    assert isinstance(made, Admitted)
    assert (await house.row(call_id))["carrier_call_id"] == "CA-fast"


async def test_another_leg_of_the_carrier_claims_nothing(house: House) -> None:
    shop = await house.shop()
    call_id = await outbound(house, shop, "CA-first")
    made = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-other", call_id, NOW))
    assert isinstance(made, Refused)
    assert (await house.row(call_id))["status"] == "queued"


async def test_an_answered_call_of_a_workspace_that_was_suspended_meanwhile(house: House) -> None:
    shop = await house.shop()
    call_id = await outbound(house, shop, "CA-suspended")
    await house.staff(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", shop.workspace_id)
    )
    made = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-suspended", call_id, NOW))
    assert isinstance(made, Refused) and made.why == "suspended"
    assert (await house.row(call_id))["status"] == "failed"


async def test_a_machine_that_answers_is_hung_up_once(house: House) -> None:
    shop = await house.shop()
    call_id = await outbound(house, shop, "CA-machine")
    for _ in range(2):
        await say(house, "CA-machine", None, answered_by="machine")
    jobs = [msgspec.json.decode(job, type=HangUp) for job in await house.jobs(HANG_UP)]
    assert [job for job in jobs if job.call_id == call_id] == [HangUp(call_id, "twilio", "CA-machine", "voicemail")]
    await say(house, "CA-machine", "completed", 9, duration_s=9)
    row = await house.row(call_id)
    assert (row["end_reason"], row["details"]["amd"]) == ("voicemail", "machine")


async def test_a_person_who_answers_is_not(house: House) -> None:
    shop = await house.shop()
    call_id = await outbound(house, shop, "CA-person")
    await say(house, "CA-person", None, answered_by="human")
    assert not [job for job in await house.jobs(HANG_UP) if str(call_id).encode() in job]


async def test_a_recording_is_fetched_once(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA-recorded")
    told = CarrierRecording("twilio", "CA-recorded", "RE1", "https://api.example.com/RE1", 30)
    for _ in range(3):
        await house.staff(lambda db: house.calls.carrier_recording(db, told))
    jobs = [msgspec.json.decode(job, type=Fetch) for job in await house.jobs(FETCH)]
    assert [job for job in jobs if job.call_id == call.call_id] == [Fetch(call.call_id, "RE1")]


async def test_what_goes_on(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA-on")
    await say(house, "CA-on", "in_progress", 1)
    await house.staff(lambda db: house.calls.connected(db, call, "node-1"))
    its = await go_on(house, "CA-on")
    assert its == Open(
        call.call_id, shop.workspace_id, shop.agent_id, 1, 0, "+14155550100", shop.number, "inbound", "in_progress",
        "twilio", "CA-on", "node-1", later(1),
    )  # fmt: skip
    await say(house, "CA-on", "completed", 20)
    assert (await go_on(house, "CA-on", 60)).status == "completed"
    assert await house.staff(lambda db: house.calls.go_on(db, "twilio", "CA-on", later(81))) is None
    assert await house.staff(lambda db: house.calls.go_on(db, "twilio", "CA-never", NOW)) is None


async def go_on(house: House, name: str, seconds: float = 5) -> Open:
    its = await house.staff(lambda db: house.calls.go_on(db, "twilio", name, later(seconds)))
    assert its is not None
    return its


async def test_a_call_goes_on_from_its_checkpoint(house: House) -> None:
    shop = await house.shop(recording={"enabled": True, "consent": "announced", "announcement": "We record."})
    call = await house.admitted(shop, "CA-resume")
    heard = [HeardMessage("assistant", "Hello."), HeardMessage("user", "Hi.")]
    checkpoint = Checkpoint(str(call.call_id), "node-1", 0, heard, 1, Usage(call_ms=9), 1_000, 9_000)
    its = await go_on(house, "CA-resume")
    made = await house.staff(lambda db: house.calls.resume(db, its, checkpoint, later(5)))
    assert isinstance(made, Admitted)
    plan = made.plan
    assert (made.leg, plan.leg) == (1, 1)
    assert plan.agent.greeting == "Sorry, we were cut off for a moment."
    assert plan.resume is not None
    assert (plan.resume.messages, plan.resume.turn, plan.resume.usage) == (heard, 1, Usage(call_ms=9))
    assert (plan.resume.began_ms, plan.resume.lost_ms) == (1_000, 9_000)
    assert (await go_on(house, "CA-resume")).leg == 1


async def test_without_a_checkpoint_nobody_is_greeted_again(house: House) -> None:
    shop = await house.shop(language="de")
    await house.admitted(shop, "CA-blank")
    await say(house, "CA-blank", "in_progress", 1)
    its = await go_on(house, "CA-blank")
    made = await house.staff(lambda db: house.calls.resume(db, its, None, later(5)))
    assert isinstance(made, Admitted) and made.plan.resume is not None
    assert made.plan.resume.messages == []
    assert made.plan.resume.began_ms == round(later(1).timestamp() * 1000)
    assert made.plan.agent.greeting.startswith("Entschuldigung")


async def test_a_call_goes_on_with_the_version_that_it_began_with(house: House) -> None:
    shop = await house.shop()
    await house.admitted(shop, "CA-version")
    edit = Edit(config={"prompt": "Another."})
    await house.member(
        shop,
        lambda db: house.services.agents.update(db, shop.workspace_id, shop.actor, shop.agent_id, edit, NOW),
    )
    its = await go_on(house, "CA-version")
    made = await house.staff(lambda db: house.calls.resume(db, its, None, later(5)))
    assert isinstance(made, Admitted)
    assert made.plan.agent.prompt == ""


async def test_not_for_ever(house: House) -> None:
    shop = await house.shop()
    await house.admitted(shop, "CA-ever")
    its = await go_on(house, "CA-ever")
    legs = []
    for _ in range(MOST_LEGS + 1):
        made = await house.staff(lambda db: house.calls.resume(db, its, None, later(5)))
        legs.append(made.leg if isinstance(made, Admitted) else made.why)
    assert legs == [1, 2, 3, 4, 5, "unusable"]


@pytest.mark.parametrize("how", ["over", "suspended"])
async def test_what_does_not_go_on(house: House, how: str) -> None:
    shop = await house.shop()
    await house.admitted(shop, f"CA-not-{how}")
    its = await go_on(house, f"CA-not-{how}")
    if how == "over":
        await say(house, f"CA-not-{how}", "completed", 3)
    else:
        await house.staff(
            lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", shop.workspace_id)
        )
    made = await house.staff(lambda db: house.calls.resume(db, its, None, later(5)))
    assert isinstance(made, Refused)
