"""The agent presses keys: the tones that the other side hears, their echo, the record, and what the model is told."""

import json
from pathlib import Path

import numpy as np
import pytest

from media.audio import mulaw
from media.audio.dtmf import make_tones
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.call.sent_keys import MOST_KEYS_PER_CALL
from media.call.taps import Tap
from media.providers.ports import TextDelta, ToolCall
from media.tools.sent_digits import SENT_RESULT
from shared.events import AgentSaid, DigitPressed, DigitsSent, ToolRan, TurnInterrupted, encode_event
from shared.plan import SEND_DIGITS, SEND_TONES, ToolPlan
from tests.calls.remote_tools import ScriptedControl, assert_ran_once, results_of
from tests.calls.scripted_call import SILENCE, ScriptedCall
from tests.dtmf_decoder import decode_keys
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

REMOTE = ToolPlan(SEND_DIGITS, timeout_s=5.0, repeatable=True, remote=True)


def press(digits: str) -> ToolCall:
    return ToolCall("1", SEND_DIGITS, json.dumps({"digits": digits}))


def test_other_side_hears_the_keys_and_the_agent_says_nothing() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("1,2w#")], "I would like to order."], tools=(SEND_DIGITS,))
        await scripted.say("For orders press one.", 900)
        await scripted.silence(6_000)
        assert decode_keys(scripted.carrier.played) == "12#"
        assert not scripted.events_of(AgentSaid)
        assert len(scripted.model.requests) == 1, "nothing is said before the other side speaks"
        (sent,) = scripted.events_of(DigitsSent)
        (ran,) = scripted.events_of(ToolRan)
        assert (ran.ok, sent.digits, sent.run_id) == (True, "1w2w#", ran.run_id)
        await scripted.say("Hello, how can we help?", 900)
        await scripted.listen_until_quiet()
        assert results_of(scripted.model.requests[1]) == [SENT_RESULT]
        assert [one.text for one in scripted.events_of(AgentSaid)] == ["I would like to order."]

    run_virtual(call())


def test_keys_come_after_the_words_of_their_answer() -> None:
    async def call() -> None:
        answer: list[TextDelta | ToolCall] = [TextDelta("I am pressing five for you now."), press("5")]
        scripted = ScriptedCall(answers=[answer], tools=(SEND_DIGITS,))
        await scripted.say("For orders press five.", 900)
        await scripted.listen_until_quiet()
        await scripted.silence(1_500)
        spoken = scripted.carrier.played.rfind(b"\x30" * 100) + 100
        assert decode_keys(scripted.carrier.played[spoken:]) == "5"
        assert decode_keys(scripted.carrier.played[:spoken]) == ""

    run_virtual(call())


def test_menu_that_talks_on_cuts_no_key_off() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("123456789")]], tools=(SEND_DIGITS,))
        await scripted.say("Please enter your number.", 900)
        while not scripted.carrier.sounding:
            await scripted.silence(20)
        await scripted.say("followed by the hash key", 1_200)
        await scripted.silence(3_000)
        assert decode_keys(scripted.carrier.played) == "123456789"
        assert not scripted.carrier.clears and not scripted.events_of(TurnInterrupted)

    run_virtual(call())


def test_echo_of_the_tones_is_not_speech() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("147")]], tools=(SEND_DIGITS,))
        heard: list[bytes] = []
        await scripted.say("Enter your code.", 900)
        while not scripted.carrier.sounding:
            await scripted.silence(20)
        scripted.call.add_tap(Tap(caller_ulaw=heard.append))
        quiet = np.frombuffer(mulaw.decode(make_tones("147")), "<i2") // 6  # 16 dB down
        echo = mulaw.encode(quiet.astype("<i2").tobytes())
        for start in range(0, len(echo), 160):
            await scripted.pause(20, in_timestamps=False)
            scripted.hear(echo[start : start + 160])
        assert set(heard) == {SILENCE}
        voice = bytes(np.random.default_rng(3).integers(0, 256, 160, np.uint8))
        scripted.hear(voice)
        assert heard[-1] == voice, "speech over the echo stays"
        await scripted.silence(2_500)
        scripted.hear(echo[:160])
        assert heard[-1] == echo[:160], "the other side's own tone is no echo any more"

    run_virtual(call())


def test_echo_reported_as_a_key_by_the_carrier_is_ignored() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("147")]], tools=(SEND_DIGITS,))
        await scripted.say("Enter your code.", 900)
        while not scripted.carrier.sounding:
            await scripted.silence(20)
        for key in "147":
            await scripted.silence(200)
            scripted.call.on_digit(key)
        await scripted.silence(2_500)
        assert not scripted.events_of(DigitPressed) and len(scripted.model.requests) == 1
        scripted.call.on_digit("1")
        await scripted.silence(4_000)
        assert [one.digit for one in scripted.events_of(DigitPressed)] == ["1"] and len(scripted.model.requests) == 2

    run_virtual(call())


@pytest.mark.parametrize("is_secret", [False, True])
def test_tones_are_in_no_recording_and_secret_keys_in_no_event(tmp_path: Path, *, is_secret: bool) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    async def call() -> None:
        tools = (ToolPlan(SEND_TONES, remote=True, secret=is_secret),)
        scripted = ScriptedCall(greeting="Hello.", answers=[[press("4711")]], tools=tools, recorder=writer)
        await scripted.listen_until_quiet()
        await scripted.say("Enter your code.", 900)
        while not scripted.carrier.sounding:
            await scripted.silence(20)
        for start in range(0, len(tones := make_tones("4711")), 160):
            await scripted.pause(20, in_timestamps=False)
            scripted.hear(tones[start : start + 160])
        await scripted.silence(3_000)
        assert decode_keys(scripted.carrier.played) == "4711"
        await scripted.hang_up()
        samples = read_wav(writer.path.read_bytes()).samples
        pcm = (samples * 32_767).astype("<i2")
        assert np.abs(pcm).max() > 1_000, "the rest is recorded"
        assert [decode_keys(mulaw.encode(pcm[:, side].tobytes())) for side in (0, 1)] == ["", ""]
        assert any(b"4711" in encode_event(envelope) for envelope in scripted.events.envelopes) is not is_secret

    run_virtual(call())


def test_carrier_that_makes_the_tones_itself_is_asked() -> None:
    async def call() -> None:
        control = ScriptedControl(seconds=0.4)
        scripted = ScriptedCall(answers=[[press("9,1")]], tools=(REMOTE,), remote_tools=control)
        await scripted.say("Press nine.", 900)
        await scripted.silence(4_000)
        assert assert_ran_once(scripted, control).ok
        assert json.loads(control.asked[0].arguments) == {"digits": "9w1"}
        assert decode_keys(scripted.carrier.played) == ""
        assert [one.digits for one in scripted.events_of(DigitsSent)] == ["9w1"]

    run_virtual(call())


def test_carrier_is_asked_once_the_agent_is_silent() -> None:
    async def call() -> None:
        control = ScriptedControl(seconds=0.1)
        answer: list[TextDelta | ToolCall] = [TextDelta("I am pressing five for you now."), press("5")]
        scripted = ScriptedCall(answers=[answer], tools=(REMOTE,), remote_tools=control)
        await scripted.say("Press five.", 900)
        await scripted.wait_until_sounding()
        while scripted.carrier.sounding:
            assert not control.asked, "the carrier would mix the tones into the words"
            await scripted.silence(20)
        await scripted.silence(1_000)
        assert len(control.asked) == 1

    run_virtual(call())


def test_carrier_that_refuses_leaves_no_keys_in_the_record() -> None:
    async def call() -> None:
        control = ScriptedControl(seconds=0.1, error="The carrier did not press the keys.")
        scripted = ScriptedCall(answers=[[press("9")], "I cannot press it."], tools=(REMOTE,), remote_tools=control)
        await scripted.say("Press nine.", 900)
        await scripted.listen_until_quiet()
        assert not assert_ran_once(scripted, control).ok
        assert results_of(scripted.model.requests[1]) == ["The carrier did not press the keys."]
        assert not scripted.events_of(DigitsSent)

    run_virtual(call())


def test_cleared_tones_are_reported_as_cut_off() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("123456")], "Once more."], tools=(SEND_DIGITS,))
        await scripted.say("Enter your number.", 900)
        while not scripted.carrier.sounding:
            await scripted.silence(20)
        await scripted.silence(300)
        scripted.carrier.clear()
        await scripted.listen_until_quiet()
        assert "cut off" in results_of(scripted.model.requests[1])[0]

    run_virtual(call())


def test_lost_mark_ends_the_wait() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press("12")]], tools=(SEND_DIGITS,))
        scripted.carrier.loses_marks = True
        await scripted.say("Enter your number.", 900)
        await scripted.silence(4_500)
        assert [ran.ok for ran in scripted.events_of(ToolRan)] == [True]

    run_virtual(call())


@pytest.mark.parametrize("digits", ["", "w", "12x", "+14155550100", "1" * 65])
def test_rejects_an_invalid_dial_string(digits: str) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[press(digits)], "I cannot."], tools=(SEND_DIGITS,))
        await scripted.say("Enter your number.", 900)
        await scripted.listen_until_quiet()
        assert "digits" in results_of(scripted.model.requests[1])[0]
        assert decode_keys(scripted.carrier.played) == ""

    run_virtual(call())


def test_call_presses_so_many_keys_at_most() -> None:
    async def call() -> None:
        runs: list[list[ToolCall]] = [[press("1" * 64)] for _ in range(MOST_KEYS_PER_CALL // 64 + 1)]
        scripted = ScriptedCall(answers=[*runs, "That is all."], tools=(SEND_DIGITS,))
        for number in range(len(runs)):
            await scripted.say(f"Menu {number}", 900)
            await scripted.silence(15_000)
        assert len(scripted.events_of(DigitsSent)) == MOST_KEYS_PER_CALL // 64
        assert "at most" in results_of(scripted.model.requests[-1])[-1]

    run_virtual(call())
