"""The leg of a warm transfer's target at Telnyx."""

from decimal import Decimal
from typing import Any

import pytest

from control.calls.announcements import target_brief_text, target_question_text
from control.calls.records.details import decode_details
from control.calls.transfers.rules import WarmTransfer
from control.inbound_webhooks.telnyx.target_legs import HUNG_UP
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from tests.control.inbound_webhooks.telnyx.steps import (
    HUMAN,
    INVALID_REQUEST,
    answer_telnyx_call,
    any_failed,
    retry_after,
)
from tests.control.inbound_webhooks.twilio.test_target_legs import begin, find
from tests.platform.telnyx_api import CONFERENCE
from tests.platform.webhooks import WebhookPlatform, client_state


async def begin_call(platform: WebhookPlatform, name: str) -> tuple[WarmTransfer, dict[str, Any]]:
    """A call whose target rings, and the fields of its leg's events."""
    await answer_telnyx_call(platform, name)
    transfer = await begin(platform, (await platform.call_row(name))["id"], "telnyx")
    return transfer, {"client_state": client_state(f"target:{transfer.id}"), "direction": "outgoing"}


async def test_target_is_asked_and_meets_the_caller_in_a_conference(platform: WebhookPlatform) -> None:
    transfer, leg = await begin_call(platform, "v3:t1")
    await platform.post_telnyx("call.answered", "v3:t1-leg", **leg)
    (told,) = platform.telnyx_api.carried_out
    assert (told.action, told.call) == ("gather_using_speak", "v3:t1-leg")
    assert told.body["payload"] == target_brief_text("en", "An invoice")
    await platform.post_telnyx("call.gather.ended", "v3:t1-leg", digits="1", status="valid", **leg)
    created = platform.telnyx_api.carried_out[1]
    assert (created.action, created.body["call_control_id"]) == ("conferences", "v3:t1-leg")
    accepted = await find(platform, transfer)
    assert (accepted.status, accepted.conference, accepted.leg_id) == ("accepted", CONFERENCE, "v3:t1-leg")
    call_id = str(transfer.call_id)
    outcome = StreamOutcome(0, HUMAN, conference=CONFERENCE)
    await Checkpoints(platform.redis, platform.sealer).put_outcome(call_id, outcome)
    for _ in range(2):
        await platform.post_telnyx("streaming.stopped", "v3:t1")
    joined = platform.telnyx_api.carried_out[2]
    assert (joined.action, joined.call, joined.body["call_control_id"]) == ("join", CONFERENCE, "v3:t1")
    assert platform.telnyx_api.actions == ["gather_using_speak", "conferences", "join"], "a repeat joins nobody"


async def ask_target(platform: WebhookPlatform, name: str) -> tuple[WarmTransfer, dict[str, Any]]:
    """A call whose target has heard the brief, and is asked."""
    transfer, leg = await begin_call(platform, name)
    await platform.post_telnyx("call.answered", f"{name}-leg", **leg)
    await platform.post_telnyx("call.gather.ended", f"{name}-leg", digits="", status="timeout", **leg)
    assert platform.telnyx_api.actions == ["gather_using_speak", "transcription_start", "gather_using_speak"]
    listen, question = platform.telnyx_api.carried_out[1:]
    assert listen.body["transcription_tracks"] == "inbound"
    assert listen.body["transcription_engine_config"] == {"transcription_engine": "Telnyx", "language": "en"}
    assert question.body["payload"] == target_question_text("en")
    platform.telnyx_api.carried_out.clear()
    return transfer, leg


async def say(platform: WebhookPlatform, name: str, words: str, leg: dict[str, Any], *, is_final: bool = True) -> None:
    data = {"transcript": words, "confidence": 0.9, "is_final": is_final}
    await platform.post_telnyx("call.transcription", f"{name}-leg", transcription_data=data, **leg)


async def test_target_accepts_by_words(platform: WebhookPlatform) -> None:
    transfer, leg = await ask_target(platform, "v3:t10")
    await say(platform, "v3:t10", "Hello? Who is this?", leg)
    await say(platform, "v3:t10", "no", leg, is_final=False)
    assert platform.telnyx_api.actions == []
    await say(platform, "v3:t10", "Yes, put them through.", leg)
    stopped = ["gather_stop", "transcription_stop"]
    assert platform.telnyx_api.actions == [*stopped, "conferences"], "their conversation is not written down"
    await platform.post_telnyx("call.gather.ended", "v3:t10-leg", digits="", status="cancelled", **leg)
    await platform.post_telnyx("call.gather.ended", "v3:t10-leg", digits="1", status="valid", **leg)
    await say(platform, "v3:t10", "No.", leg)
    assert platform.telnyx_api.actions == [*stopped, "conferences"], "decided already"
    found = await find(platform, transfer)
    assert (found.status, found.conference) == ("accepted", CONFERENCE)
    assert "put them through" not in str(await platform.stored_events())


async def test_target_declines_by_words(platform: WebhookPlatform) -> None:
    transfer, leg = await ask_target(platform, "v3:t11")
    await say(platform, "v3:t11", "Not now, sorry.", leg)
    assert platform.telnyx_api.actions == ["hangup"]
    assert (await find(platform, transfer)).failure == "refused"


async def test_words_before_the_question_are_no_decision(platform: WebhookPlatform) -> None:
    """Whoever picks up says "yes?"."""
    transfer, leg = await begin_call(platform, "v3:t12")
    await platform.post_telnyx("call.answered", "v3:t12-leg", **leg)
    await say(platform, "v3:t12", "Yes?", leg)
    assert platform.telnyx_api.actions == ["gather_using_speak"]
    assert (await find(platform, transfer)).status == "asking"


async def test_target_is_asked_for_a_key_where_telnyx_takes_no_words(platform: WebhookPlatform) -> None:
    transfer, leg = await begin_call(platform, "v3:t13")
    platform.telnyx_api.refused["transcription_start"] = INVALID_REQUEST
    await platform.post_telnyx("call.answered", "v3:t13-leg", **leg)
    await platform.post_telnyx("call.gather.ended", "v3:t13-leg", digits="", status="timeout", **leg)
    assert platform.telnyx_api.carried_out[-1].body["payload"] == target_question_text("")
    platform.telnyx_api.refused |= {"gather_stop": INVALID_REQUEST, "transcription_stop": INVALID_REQUEST}
    await platform.post_telnyx("call.gather.ended", "v3:t13-leg", digits="1", status="valid", **leg)
    assert (await find(platform, transfer)).status == "accepted", "what has ended cannot be stopped"


@pytest.mark.parametrize(
    ("digits", "status", "failure"),
    [("2", "valid", "refused"), ("", "timeout", "no_answer"), ("7", "invalid", "no_answer"), ("", HUNG_UP, "refused")],
)
async def test_target_that_does_not_accept_is_hung_up(
    platform: WebhookPlatform, digits: str, status: str, failure: str
) -> None:
    transfer, leg = await ask_target(platform, f"v3:t2{status}")
    await platform.post_telnyx("call.gather.ended", "v3:t2-leg", digits=digits, status=status, **leg)
    assert platform.telnyx_api.actions == ["hangup"]
    found = await find(platform, transfer)
    assert (found.status, found.failure) == ("failed", failure)


@pytest.mark.parametrize(("cause", "failure"), [("user_busy", "busy"), ("timeout", "no_answer")])
async def test_target_that_is_not_reached(platform: WebhookPlatform, cause: str, failure: str) -> None:
    """The end may be reported before the beginning."""
    transfer, leg = await begin_call(platform, f"v3:t3{cause}")
    await platform.post_telnyx("call.hangup", "v3:t3-leg", hangup_cause=cause, **leg)
    await platform.post_telnyx("call.initiated", "v3:t3-leg", **leg)
    found = await find(platform, transfer)
    assert (found.status, found.failure) == ("failed", failure)
    await platform.post_telnyx("call.answered", "v3:t3-leg", **leg)
    assert platform.telnyx_api.actions == ["hangup"], "nobody waits any more"


async def test_acceptance_that_did_not_reach_telnyx_is_sent_again(platform: WebhookPlatform) -> None:
    transfer, leg = await begin_call(platform, "v3:t4")
    platform.telnyx_api.unavailable.add("conferences")
    await platform.post_telnyx("call.gather.ended", "v3:t4-leg", digits="1", **leg)
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    found = await find(platform, transfer)
    assert (found.status, found.conference) == ("accepted", None), "nobody is told to join yet"
    assert await retry_after(platform) == 1
    assert (await find(platform, transfer)).conference == CONFERENCE


async def accept(platform: WebhookPlatform, name: str) -> tuple[WarmTransfer, dict[str, Any]]:
    """A call whose target waits in the conference, which the caller is to join."""
    transfer, leg = await begin_call(platform, name)
    await platform.post_telnyx("call.answered", f"{name}-leg", **leg)
    await platform.post_telnyx("call.gather.ended", f"{name}-leg", digits="1", status="valid", **leg)
    outcome = StreamOutcome(0, HUMAN, conference=CONFERENCE)
    await Checkpoints(platform.redis, platform.sealer).put_outcome(str(transfer.call_id), outcome)
    platform.telnyx_api.carried_out.clear()
    return transfer, leg


async def test_refused_join_leads_back_to_the_agent_and_ends_the_targets_call(platform: WebhookPlatform) -> None:
    transfer, _ = await accept(platform, "v3:t5")
    platform.telnyx_api.refused["join"] = INVALID_REQUEST
    await platform.post_telnyx("streaming.stopped", "v3:t5")
    assert platform.telnyx_api.actions == ["streaming_start"]
    assert (await find(platform, transfer)).status == "failed"


async def test_caller_does_not_join_a_conference_that_the_target_has_left(platform: WebhookPlatform) -> None:
    transfer, leg = await accept(platform, "v3:t7")
    await platform.post_telnyx("call.hangup", "v3:t7-leg", hangup_cause="normal_clearing", **leg)
    await platform.post_telnyx("streaming.stopped", "v3:t7")
    assert platform.telnyx_api.actions == ["streaming_start"], "back to the agent"
    assert (await find(platform, transfer)).status == "over"


@pytest.mark.parametrize(("action", "refused"), [("gather_using_speak", 0), ("conferences", 1)])
async def test_target_whom_telnyx_does_not_ask_or_connect_is_hung_up(
    platform: WebhookPlatform, action: str, refused: int
) -> None:
    transfer, leg = await begin_call(platform, f"v3:t8{refused}")
    platform.telnyx_api.refused[action] = INVALID_REQUEST
    await platform.post_telnyx("call.answered", "v3:t8-leg", **leg)
    if refused:
        await platform.post_telnyx("call.gather.ended", "v3:t8-leg", digits="1", status="valid", **leg)
    assert platform.telnyx_api.actions[refused:] == ["hangup"]
    found = await find(platform, transfer)
    assert (found.status, found.failure) == ("failed", "failed"), "the caller is told at once"


async def test_blind_transfer_ends_the_call_of_a_warm_one(platform: WebhookPlatform) -> None:
    transfer, leg = await begin_call(platform, "v3:t9")
    await platform.post_telnyx("call.answered", "v3:t9-leg", **leg)
    outcome = StreamOutcome(0, HUMAN)
    await Checkpoints(platform.redis, platform.sealer).put_outcome(str(transfer.call_id), outcome)
    await platform.post_telnyx("streaming.stopped", "v3:t9")
    assert platform.telnyx_api.actions[1:] == ["transfer"]
    await platform.post_telnyx("call.gather.ended", "v3:t9-leg", digits="1", status="valid", **leg)
    assert platform.telnyx_api.actions[2:] == ["hangup"], "too late: no conference is made"
    assert (await find(platform, transfer)).status == "failed"


async def test_cost_of_the_targets_leg_is_the_calls(platform: WebhookPlatform) -> None:
    _, leg = await begin_call(platform, "v3:t6")
    await platform.post_telnyx("call.cost", "v3:t6-leg", total_cost="0.0200", call_leg_id="leg-6", **leg)
    await platform.post_telnyx("call.cost", "v3:t6", total_cost="0.0300")
    details = decode_details((await platform.call_row("v3:t6"))["details"])
    assert details.carrier.total_cost == Decimal("0.0500")
