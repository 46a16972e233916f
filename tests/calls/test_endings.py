"""Whole calls: tools, limits and how a call ends."""

import pytest

from media.providers.ports import TextDelta, ToolCall
from shared.events import AgentSaid, CallEnded, CallerSaid, CallNudged, ToolRan, TurnInterrupted, TurnResumed
from shared.plan import LimitsPlan, TurnPlan
from tests.calls.scripted_call import ScriptedCall, ScriptedRecognizer
from tests.virtual_time import run_virtual


def goodbye(text: str = "Thank you, goodbye now.") -> list[TextDelta | ToolCall]:
    return [TextDelta(text), ToolCall("1", "end_call", "{}")]


def test_goodbye_is_played_out_before_the_stream_is_closed() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[goodbye()])
        await scripted.say("bye", 400)
        await scripted.wait_until_sounding()
        assert not scripted.carrier.hung_up
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert scripted.carrier.heard_words() == 4
        ended = await scripted.hang_up()
        assert (ended.status, ended.end_reason) == ("completed", "agent_hangup")
        (tool,) = scripted.events_of(ToolRan)
        assert tool.name == "end_call" and tool.ok

    run_virtual(call())


def test_end_call_without_words_says_the_default_goodbye() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[ToolCall("1", "end_call", "{}")]])
        await scripted.say("bye", 400)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Goodbye."]

    run_virtual(call())


def test_a_caller_who_interrupts_the_goodbye_is_not_cut_off() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[goodbye("goodbye and have a very nice day"), "Of course."])
        await scripted.say("bye", 400)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.say("wait one more thing", 800)
        await scripted.listen_until_quiet()
        assert not scripted.carrier.hung_up
        assert [said.text for said in scripted.events_of(CallerSaid)][-1] == "wait one more thing"

    run_virtual(call())


def test_a_caller_who_speaks_over_the_goodbye_after_a_silence_is_answered() -> None:
    async def call() -> None:
        limits = LimitsPlan(idle_nudge_s=0, silence_s=3, reply_s=8)
        scripted = ScriptedCall(answers=["At nine.", "On Monday."], limits=limits)
        await scripted.wait_until_sounding()
        await scripted.say("wait when do you open", 1_200)
        await scripted.listen_until_quiet()
        assert not scripted.carrier.hung_up
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["wait when do you open"]
        assert [said.text for said in scripted.events_of(AgentSaid)][-1] == "At nine."
        await scripted.say("and when do you close", 1_000)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)][-1] == "On Monday."
        silent_at = scripted.now()
        await scripted.wait_until_sounding()  # the silence is counted again and now ends the call
        assert 2_900 <= scripted.now() - silent_at <= 3_800
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "silence"

    run_virtual(call())


def test_duration_limit_during_a_goodbye_is_final() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine."], limits=LimitsPlan(idle_nudge_s=0, silence_s=3, max_duration_s=4))
        await scripted.wait_until_sounding()
        assert scripted.now() < 4_000
        await scripted.say("wait when do you open", 1_500)
        await scripted.silence(1_000)
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_end_command_during_a_goodbye_is_final_without_a_second_goodbye() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[goodbye("goodbye and have a very nice day"), "Of course."])
        await scripted.say("bye", 400)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        scripted.call.end("admin", polite=True)
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["goodbye and have a very nice day"]
        assert (await scripted.hang_up()).end_reason == "admin"

    run_virtual(call())


def test_a_sound_over_the_goodbye_after_a_silence_changes_nothing() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LimitsPlan(idle_nudge_s=0, silence_s=3))
        await scripted.wait_until_sounding()
        await scripted.say("", 200)
        await scripted.listen_until_quiet()
        assert scripted.events_of(TurnResumed) and not scripted.events_of(TurnInterrupted)
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "silence"

    run_virtual(call())


def test_digits_are_collected_for_the_tool() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"max_digits": 4}')
        answer: list[TextDelta | ToolCall] = [TextDelta("Please enter your code."), keypad]
        scripted = ScriptedCall(answers=[answer, "Thank you."])
        await scripted.say("check my order", 700)
        await scripted.listen_until_quiet()
        for digit in "1234":
            scripted.call.on_digit(digit)
            await scripted.silence(200)
        await scripted.listen_until_quiet()
        result = scripted.model.requests[-1].messages[-1]
        assert (result.role, result.text) == ("tool", "The caller pressed: 1234")
        (tool,) = scripted.events_of(ToolRan)
        assert tool.result == "", "digits may be a PIN: they are left out of events"

    run_virtual(call())


def test_a_word_over_the_agent_and_the_key_after_it_are_both_answered() -> None:
    """The word alone is too short to interrupt."""

    async def call() -> None:
        long = "we are open from nine to five on weekdays and until noon on saturdays"
        scripted = ScriptedCall(
            answers=[long, "Tomorrow.", "You chose two."], turn=TurnPlan(silence_ms=400, min_words=2)
        )
        await scripted.say("when are you open", 400)
        await scripted.wait_until_sounding()
        await scripted.silence(1_200)
        await scripted.say("tomorrow", 200)
        await scripted.silence(1_000)
        assert scripted.carrier.sounding, "the agent goes on"
        scripted.call.on_digit("2")
        await scripted.silence(12_000)
        said = [event.text for event in scripted.events_of(CallerSaid)]
        assert said == ["when are you open", "tomorrow", "(pressed on the keypad: 2)"]

    run_virtual(call())


def test_unrequested_digits_are_a_turn() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["You chose two."])
        await scripted.silence(300)
        scripted.call.on_digit("2")
        await scripted.silence(2_500)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["(pressed on the keypad: 2)"]

    run_virtual(call())


def test_silence_is_counted_from_played_audio_then_nudged_then_ended() -> None:
    async def call() -> None:
        greeting = " ".join(["word"] * 20)  # 6 s of audio, longer than the limit
        scripted = ScriptedCall(greeting=greeting, limits=LimitsPlan(idle_nudge_s=3, silence_s=5))
        await scripted.listen_until_quiet()
        assert scripted.events_of(CallNudged) == []
        ended_at = scripted.now()
        await scripted.wait_until_sounding()
        (nudged,) = scripted.events_of(CallNudged)
        assert 2_900 <= nudged.at_ms - ended_at <= 3_400
        await scripted.listen_until_quiet()
        heard_at = scripted.now()
        await scripted.wait_until_sounding()
        assert 4_900 <= scripted.now() - heard_at <= 5_800
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        ended = await scripted.hang_up()
        assert ended.end_reason == "silence"

    run_virtual(call())


def test_duration_limit_ends_the_call_with_a_goodbye() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LimitsPlan(max_duration_s=2, idle_nudge_s=0, silence_s=0))
        await scripted.wait_until_sounding()
        assert 1_900 <= scripted.now() <= 2_700
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_duration_limit_ends_the_call_while_the_caller_speaks() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LimitsPlan(max_duration_s=2, idle_nudge_s=0, silence_s=0))
        await scripted.say("on and on and on", 3_000)
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_waiting_for_keys_is_not_nudged() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"timeout_s": 8}')
        answers: list[list[TextDelta | ToolCall] | str] = [[TextDelta("Your code please."), keypad], "Thank you."]
        scripted = ScriptedCall(answers=answers, limits=LimitsPlan(idle_nudge_s=3, silence_s=0))
        await scripted.say("check my order", 700)
        await scripted.listen_until_quiet()
        await scripted.silence(6_000)
        assert scripted.events_of(CallNudged) == []

    run_virtual(call())


def test_a_long_goodbye_is_played_to_its_end() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[goodbye(" ".join(["word"] * 80))])  # 24 s of audio
        await scripted.say("bye", 400)
        await scripted.wait_until_sounding()
        await scripted.silence(22_000)
        assert not scripted.carrier.hung_up, "beyond the time limit, but still sounding"
        await scripted.listen_until_quiet(40_000)
        assert scripted.carrier.heard_words() == 80
        assert scripted.carrier.hung_up

    run_virtual(call())


def test_a_recognizer_that_cannot_be_closed_does_not_cost_the_call_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(self: ScriptedRecognizer) -> None:
        raise RuntimeError("close")

    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.say("hello", 400)
        monkeypatch.setattr(ScriptedRecognizer, "close", crash)
        with pytest.raises(RuntimeError):
            await scripted.call.finish("caller_hangup")
        (ended,) = scripted.events_of(CallEnded)
        assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")

    run_virtual(call())
