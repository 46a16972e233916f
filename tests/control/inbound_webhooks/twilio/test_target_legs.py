"""The leg of a warm transfer's target at Twilio."""

import asyncio
from uuid import UUID

import pytest

from control.calls.announcements import target_brief_text, target_question_text
from control.calls.transfers import queries as transfers_queries
from control.calls.transfers.rules import WarmTransfer
from control.db.scope import enter_platform
from shared.bus.checkpoints import StreamOutcome
from shared.ids import new_id
from tests.control.inbound_webhooks.twilio.test_continue import HUMAN, ask_continue, checkpoints, start_call
from tests.platform.webhook_reply import WebhookReply
from tests.platform.webhooks import WebhookPlatform


async def begin(platform: WebhookPlatform, call_id: UUID, carrier: str = "twilio") -> WarmTransfer:
    """A transfer of this call whose target rings."""
    new = WarmTransfer(
        id=UUID(new_id()), workspace_id=platform.workspace_id, call_id=call_id, run_id=new_id(), carrier=carrier,  # type: ignore[arg-type]
        number=HUMAN, language="en", brief="An invoice", created_at=platform.clock(),
    )  # fmt: skip
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        await transfers_queries.insert_transfer(db, new)
    return new


async def find(platform: WebhookPlatform, transfer: WarmTransfer) -> WarmTransfer:
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        found = await transfers_queries.lock_transfer(db, transfer.id)
    assert found is not None
    return found


async def ask(platform: WebhookPlatform, transfer: WarmTransfer, step: str, **fields: str) -> WebhookReply:
    """A request of Twilio about the target's leg."""
    path = f"/webhooks/calls/target?transfer={transfer.id}&step={step}"
    return await platform.post_twilio(path, {"CallSid": "CA-target", "CallStatus": "in-progress"} | fields)


async def test_target_hears_the_brief_and_joins_the_conference_that_the_caller_joins(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CT1")
    transfer = await begin(platform, call_id)
    for _ in range(2):
        asked = await ask(platform, transfer, "answered")
    assert asked.verbs == ["Gather", "Gather"]
    brief, question = asked.xml
    assert (brief.findtext("Say"), brief.attrib["input"]) == (target_brief_text("en", "An invoice"), "dtmf")
    assert "actionOnEmptyResult" not in brief.attrib, "the question follows"
    assert (question.findtext("Say"), question.attrib["input"]) == (target_question_text("en"), "dtmf speech")
    assert (question.attrib["numDigits"], question.attrib["actionOnEmptyResult"]) == ("1", "true")
    assert (question.attrib["language"], question.attrib["hints"].split(", ")[0]) == ("en-US", "yes")
    for _ in range(2):
        joined = await ask(platform, transfer, "decided", Digits="1")
    assert joined.xml.findtext("Dial/Conference") == str(transfer.id)
    accepted = await find(platform, transfer)
    assert (accepted.status, accepted.conference, accepted.leg_id) == ("accepted", str(transfer.id), "CA-target")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN, conference=str(transfer.id)))
    caller = await ask_continue(platform, action, "CT1")
    assert caller.xml.findtext("Dial/Conference") == str(transfer.id)
    assert caller.xml[0].attrib["timeLimit"] == "3600"


@pytest.mark.parametrize(("keys", "failure"), [("2", "refused"), ("", "no_answer"), ("7", "no_answer")])
async def test_target_that_does_not_accept_is_hung_up(platform: WebhookPlatform, keys: str, failure: str) -> None:
    """A mailbox presses nothing."""
    _, call_id = await start_call(platform, f"CT2{keys}")
    transfer = await begin(platform, call_id)
    await ask(platform, transfer, "answered")
    assert (await ask(platform, transfer, "decided", Digits=keys)).verbs == ["Hangup"]
    assert ((await find(platform, transfer)).status, (await find(platform, transfer)).failure) == ("failed", failure)
    assert (await ask(platform, transfer, "decided", Digits="1")).verbs == ["Hangup"], "too late"


async def test_target_decides_by_words(platform: WebhookPlatform) -> None:
    for words, accepted in (("Yes, put them through.", True), ("Not now, sorry.", False)):
        _, call_id = await start_call(platform, f"CT9{accepted}")
        transfer = await begin(platform, call_id)
        await ask(platform, transfer, "answered")
        answer = await ask(platform, transfer, "decided", SpeechResult=words, Confidence="0.9")
        assert answer.verbs == (["Dial"] if accepted else ["Hangup"])
        found = await find(platform, transfer)
        assert (found.status, found.failure) == (("accepted", None) if accepted else ("failed", "refused"))
    assert "put them through" not in str(await platform.stored_events())


async def test_target_who_is_not_understood_is_asked_once_more(platform: WebhookPlatform) -> None:
    """A mailbox that is still speaking is not understood either."""
    _, call_id = await start_call(platform, "CT10")
    transfer = await begin(platform, call_id)
    await ask(platform, transfer, "answered")
    again = await ask(platform, transfer, "decided&language=en", SpeechResult="Hello, who is this?")
    (question,) = again.xml
    assert question.findtext("Say") == target_question_text("en")
    assert "step=decided_again" in question.attrib["action"]
    assert (await find(platform, transfer)).status == "asking"
    last = await ask(platform, transfer, "decided_again&language=en", SpeechResult="Leave a message after the tone.")
    assert last.verbs == ["Hangup"]
    assert (await find(platform, transfer)).failure == "no_answer"


@pytest.mark.parametrize(("status", "failure"), [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed")])
async def test_target_that_is_not_reached(platform: WebhookPlatform, status: str, failure: str) -> None:
    _, call_id = await start_call(platform, f"CT3{status}")
    transfer = await begin(platform, call_id)
    for _ in range(2):
        assert (await ask(platform, transfer, "ended", CallStatus=status)).status == 204
    assert ((await find(platform, transfer)).status, (await find(platform, transfer)).failure) == ("failed", failure)
    assert (await ask(platform, transfer, "answered")).verbs == ["Hangup"], "a late answer"


async def test_target_is_hung_up_where_the_database_fails(platform: WebhookPlatform) -> None:
    _, call_id = await start_call(platform, "CT4")
    transfer = await begin(platform, call_id)
    await platform.execute("ALTER TABLE warm_transfers RENAME TO warm_transfers_away")
    try:
        assert (await ask(platform, transfer, "answered")).verbs == ["Hangup"]
    finally:
        await platform.execute("ALTER TABLE warm_transfers_away RENAME TO warm_transfers")


async def test_caller_does_not_join_a_conference_that_the_target_has_left(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CT6")
    transfer = await begin(platform, call_id)
    await ask(platform, transfer, "answered")
    await ask(platform, transfer, "decided", Digits="1")
    await ask(platform, transfer, "ended", CallStatus="completed")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN, conference=str(transfer.id)))
    back = await ask_continue(platform, action, "CT6")
    assert back.verbs == ["Connect"], "back to the agent"


async def test_blind_transfer_ends_the_call_of_a_warm_one(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CT7")
    transfer = await begin(platform, call_id)
    await ask(platform, transfer, "answered")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    assert (await ask_continue(platform, action, "CT7")).xml.findtext("Dial/Number") == HUMAN
    assert (await find(platform, transfer)).status == "failed"
    assert (await ask(platform, transfer, "decided", Digits="1")).verbs == ["Hangup"], "too late"


async def test_caller_joins_where_the_database_fails(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CT8")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN, conference="room"))
    end_blocked = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
    """
    async with platform.pool.transaction() as db:
        await db.execute("LOCK TABLE warm_transfers")
        joined = asyncio.create_task(ask_continue(platform, action, "CT8"))
        while not joined.done():
            await platform.execute(end_blocked)
            await asyncio.sleep(0.02)
    assert (await joined).xml.findtext("Dial/Conference") == "room"


async def test_keys_are_not_stored(platform: WebhookPlatform) -> None:
    _, call_id = await start_call(platform, "CT5")
    transfer = await begin(platform, call_id)
    await ask(platform, transfer, "ended", CallStatus="completed", Digits="47114711471")
    assert "47114711" not in str(await platform.stored_events())
