"""What follows when Telnyx refuses a command: no caller is left in silence, and no line stays up for nothing.

Telnyx refuses for its limits of concurrent calls, its profiles and its destinations (docs:
sip-trunking/troubleshooting/response-codes).
"""

import asyncio
from typing import Any

import pytest

from control.calls.announcements import transfer_returned_text
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.tickets import Tickets
from tests.control.inbound_webhooks.telnyx.steps import (
    CALL_HAS_ENDED,
    HUMAN,
    INVALID_REQUEST,
    all_handled,
    answer_telnyx_call,
    any_failed,
    retry_after,
)
from tests.platform.webhooks import WebhookPlatform, client_state, running_webhooks

FORBIDDEN = "10010"


@pytest.mark.parametrize(("refused", "done"), [(["answer"], "reject"), (["answer", "reject"], "hangup")])
async def test_refused_answer_gives_the_caller_a_tone(platform: WebhookPlatform, refused: list[str], done: str) -> None:
    platform.telnyx_api.refused |= dict.fromkeys(refused, FORBIDDEN)
    call = f"v3:r-{done}"
    await platform.ring_telnyx(call)
    assert [(command.action, command.call) for command in platform.telnyx_api.carried_out] == [(done, call)]
    row = await platform.call_row(call)
    assert (row["status"], row["end_detail"]) == ("busy", "all_busy")
    assert await all_handled(platform)


@pytest.mark.parametrize(
    ("first", "refused", "last", "cause"),
    [
        ("call.initiated", ["answer"], "reject", "user_busy"),
        ("call.initiated", ["answer", "reject"], "hangup", "call_rejected"),
        ("call.answered", ["streaming_start", "speak"], "hangup", "normal_clearing"),
    ],
)
async def test_report_of_the_end_that_comes_first_does_not_change_the_record(
    platform: WebhookPlatform, first: str, refused: list[str], last: str, cause: str
) -> None:
    """Telnyx's report of an end that we have caused may come before the command is answered."""
    call, telnyx = f"v3:o-{last}-{cause}", platform.telnyx_api
    if first == "call.answered":
        await platform.ring_telnyx(call)
    telnyx.refused |= dict.fromkeys(refused, FORBIDDEN)
    telnyx.blocked[last] = released = asyncio.Event()
    handling = asyncio.create_task(platform.post_telnyx(first, call, direction="incoming"))
    async with asyncio.timeout(30):
        while last not in [command.action for command in telnyx.received]:  # noqa: ASYNC110 -- set without a signal
            await asyncio.sleep(0.01)
    await platform.post_telnyx("call.hangup", call, hangup_cause=cause, hangup_source="callee", direction="incoming")
    released.set()
    await handling
    row = await platform.call_row(call)
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("busy", None, "all_busy")
    assert await all_handled(platform)


async def test_refused_recording_does_not_cost_the_call(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, recordings="carrier") as platform:
        consent = {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."}
        await platform.configure_agents({"recording": consent})
        await platform.add_node()
        platform.telnyx_api.refused["record"] = INVALID_REQUEST
        await platform.ring_telnyx("v3:r3")
        await platform.post_telnyx("call.answered", "v3:r3", direction="incoming")
        assert ["record" in command.body for command in platform.telnyx_api.received] == [True, False, False]
        assert platform.telnyx_api.actions == ["answer", "streaming_start"]


async def test_refused_stream_and_words_end_the_call(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:r4")
    platform.telnyx_api.refused |= dict.fromkeys(["streaming_start", "speak"], FORBIDDEN)
    await platform.post_telnyx("call.answered", "v3:r4", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "hangup"]
    assert (await platform.call_row("v3:r4"))["status"] == "busy"


async def transfer(platform: WebhookPlatform, call: str) -> None:
    """Ends the conversation of a connected call with a transfer."""
    call_id = (await platform.call_row(call))["id"]
    await Checkpoints(platform.redis, platform.sealer).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    await platform.execute(
        "UPDATE calls SET status = 'completed', ended_at = now(), end_reason = 'transferred' WHERE id = $1", call_id
    )
    await platform.post_telnyx("streaming.stopped", call)


async def test_refused_transfer_leads_back_to_the_agent(platform: WebhookPlatform) -> None:
    await platform.configure_agents({"language": "de"})
    await answer_telnyx_call(platform, "v3:r5")
    platform.telnyx_api.refused["transfer"] = "D13"
    await transfer(platform, "v3:r5")
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.call) == ("streaming_start", "v3:r5")
    token = command.body["stream_url"].rpartition("/")[2]
    plan = await Tickets(platform.redis, platform.sealer).claim(token, "telnyx", "v3:r5")
    assert plan.agent.greeting == transfer_returned_text("de", "failed")
    row = await platform.call_row("v3:r5")
    assert (row["status"], row["details"]["carrier"]["transfer_refused"]) == ("in_progress", "D13")


async def test_refused_transfer_and_stream_are_told_in_the_agents_language(platform: WebhookPlatform) -> None:
    await platform.configure_agents({"language": "de"})
    await answer_telnyx_call(platform, "v3:r11")
    platform.telnyx_api.refused |= dict.fromkeys(["transfer", "streaming_start"], FORBIDDEN)
    await transfer(platform, "v3:r11")
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.call, command.body["language"]) == ("speak", "v3:r11", "de-DE")
    await platform.post_telnyx("call.speak.ended", "v3:r11")
    assert platform.telnyx_api.actions == ["speak", "hangup"]


@pytest.mark.parametrize("is_dialed", [True, False])
async def test_refused_stream_and_words_after_a_transfer_end_the_callers_line(
    platform: WebhookPlatform, is_dialed: bool
) -> None:
    call = f"v3:r7{is_dialed}"
    await answer_telnyx_call(platform, call)
    refused = ["streaming_start", "speak"] if is_dialed else ["transfer", "streaming_start", "speak"]
    platform.telnyx_api.refused |= dict.fromkeys(refused, FORBIDDEN)
    await transfer(platform, call)
    leg: dict[str, Any] = {"client_state": client_state(f"transfer:{call}"), "direction": "outgoing"}
    if is_dialed:
        await platform.post_telnyx("call.hangup", "v3:leg7", hangup_cause="timeout", **leg)
    last = platform.telnyx_api.carried_out[-1]
    assert (last.action, last.call) == ("hangup", call)


async def test_refused_hang_up_is_sent_again(platform: WebhookPlatform) -> None:
    platform.telnyx_api.refused["hangup"] = FORBIDDEN
    await platform.post_telnyx("call.speak.ended", "v3:r8")
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.refused.clear()
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == ["hangup"]


async def test_nothing_follows_for_a_call_that_is_over(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:r9")
    platform.telnyx_api.refused["transfer"] = CALL_HAS_ENDED
    await transfer(platform, "v3:r9")
    assert platform.telnyx_api.carried_out == []
    assert await all_handled(platform)
