"""Whole calls: tools, limits and how a call ends."""

from media.providers.ports import ToolCall, Words
from shared.events import AgentSaid, CallerSaid, Interrupted, Nudged, Resumed, ToolRan
from shared.plan import LimitsPlan
from tests.calls.stage import Stage
from tests.virtual_time import run_virtual


def goodbye(text: str = "Thank you, goodbye now.") -> list[Words | ToolCall]:
    return [Words(text), ToolCall("1", "end_call", "{}")]


def test_a_goodbye_is_played_out_before_the_line_is_closed() -> None:
    async def call() -> None:
        stage = Stage(answers=[goodbye()])
        await stage.say("bye", 400)
        await stage.until_sounding()
        assert not stage.carrier.hung_up
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert stage.carrier.heard_words() == 4
        ended = await stage.hang_up()
        assert (ended.status, ended.end_reason) == ("completed", "agent_hangup")
        (tool,) = stage.of(ToolRan)
        assert tool.name == "end_call" and tool.ok

    run_virtual(call())


def test_a_goodbye_without_words_gets_the_agents_own() -> None:
    async def call() -> None:
        stage = Stage(answers=[[ToolCall("1", "end_call", "{}")]])
        await stage.say("bye", 400)
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)] == ["Goodbye."]

    run_virtual(call())


def test_a_caller_who_interrupts_the_goodbye_is_not_cut_off() -> None:
    async def call() -> None:
        stage = Stage(answers=[goodbye("goodbye and have a very nice day"), "Of course."])
        await stage.say("bye", 400)
        await stage.until_sounding()
        await stage.silence(600)
        await stage.say("wait one more thing", 800)
        await stage.until_quiet()
        assert not stage.carrier.hung_up
        assert [said.text for said in stage.of(CallerSaid)][-1] == "wait one more thing"

    run_virtual(call())


def test_a_caller_who_speaks_over_the_goodbye_after_a_silence_is_answered() -> None:
    async def call() -> None:
        limits = LimitsPlan(idle_nudge_s=0, silence_s=3, reply_s=8)
        stage = Stage(answers=["At nine.", "On Monday."], limits=limits)
        await stage.until_sounding()
        await stage.say("wait when do you open", 1_200)
        await stage.until_quiet()
        assert not stage.carrier.hung_up
        assert [said.text for said in stage.of(CallerSaid)] == ["wait when do you open"]
        assert [said.text for said in stage.of(AgentSaid)][-1] == "At nine."
        await stage.say("and when do you close", 1_000)
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)][-1] == "On Monday."
        silent_at = stage.now()
        await stage.until_sounding()  # the silence counts anew, and ends the call this time
        assert 2_900 <= stage.now() - silent_at <= 3_800
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "silence"

    run_virtual(call())


def test_the_longest_duration_that_passes_during_a_goodbye_is_the_end() -> None:
    async def call() -> None:
        stage = Stage(answers=["At nine."], limits=LimitsPlan(idle_nudge_s=0, silence_s=3, max_duration_s=4))
        await stage.until_sounding()
        assert stage.now() < 4_000
        await stage.say("wait when do you open", 1_500)
        await stage.silence(1_000)
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_an_end_from_outside_during_a_goodbye_holds_and_no_goodbye_is_said_twice() -> None:
    async def call() -> None:
        stage = Stage(answers=[goodbye("goodbye and have a very nice day"), "Of course."])
        await stage.say("bye", 400)
        await stage.until_sounding()
        await stage.silence(300)
        stage.call.end("admin", polite=True)
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert [said.text for said in stage.of(AgentSaid)] == ["goodbye and have a very nice day"]
        assert (await stage.hang_up()).end_reason == "admin"

    run_virtual(call())


def test_a_sound_over_the_goodbye_after_a_silence_changes_nothing() -> None:
    async def call() -> None:
        stage = Stage(limits=LimitsPlan(idle_nudge_s=0, silence_s=3))
        await stage.until_sounding()
        await stage.say("", 200)
        await stage.until_quiet()
        assert stage.of(Resumed) and not stage.of(Interrupted)
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "silence"

    run_virtual(call())


def test_digits_are_collected_for_the_tool() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"max_digits": 4}')
        ask: list[Words | ToolCall] = [Words("Please enter your code."), keypad]
        stage = Stage(answers=[ask, "Thank you."])
        await stage.say("check my order", 700)
        await stage.until_quiet()
        for digit in "1234":
            stage.call.on_digit(digit)
            await stage.silence(200)
        await stage.until_quiet()
        result = stage.model.asked[-1].messages[-1]
        assert (result.role, result.text) == ("tool", "The caller pressed: 1234")
        (tool,) = stage.of(ToolRan)
        assert tool.result == "", "digits may be a PIN: they are not told in events"

    run_virtual(call())


def test_digits_that_nobody_asked_for_are_a_turn() -> None:
    async def call() -> None:
        stage = Stage(answers=["You chose two."])
        await stage.silence(300)
        stage.call.on_digit("2")
        await stage.silence(2_500)
        await stage.until_quiet()
        assert [said.text for said in stage.of(CallerSaid)] == ["(pressed on the keypad: 2)"]

    run_virtual(call())


def test_silence_is_counted_from_played_audio_then_nudged_then_ended() -> None:
    async def call() -> None:
        greeting = " ".join(["word"] * 20)  # 6 s of audio, longer than the limit
        stage = Stage(greeting=greeting, limits=LimitsPlan(idle_nudge_s=3, silence_s=5))
        await stage.until_quiet()
        assert stage.of(Nudged) == []
        ended_at = stage.now()
        await stage.until_sounding()
        (nudged,) = stage.of(Nudged)
        assert 2_900 <= nudged.at_ms - ended_at <= 3_400
        await stage.until_quiet()
        heard_at = stage.now()
        await stage.until_sounding()
        assert 4_900 <= stage.now() - heard_at <= 5_800
        await stage.until_quiet()
        assert stage.carrier.hung_up
        ended = await stage.hang_up()
        assert ended.end_reason == "silence"

    run_virtual(call())


def test_the_longest_duration_ends_the_call_with_a_goodbye() -> None:
    async def call() -> None:
        stage = Stage(limits=LimitsPlan(max_duration_s=2, idle_nudge_s=0, silence_s=0))
        await stage.until_sounding()
        assert 1_900 <= stage.now() <= 2_700
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_usage_is_counted() -> None:
    async def call() -> None:
        stage = Stage(answers=["We open at nine."])
        await stage.say("when do you open", 1_000)
        await stage.until_quiet()
        usage = (await stage.hang_up()).usage
        assert usage.llm_requests == 1
        assert usage.tts_ms == 1_200 and usage.heard_ms == 1_200
        assert usage.tts_characters == len("We open at nine. ")
        assert usage.stt_ms > 2_000

    run_virtual(call())


def test_the_longest_duration_ends_the_call_also_while_the_caller_speaks() -> None:
    async def call() -> None:
        stage = Stage(limits=LimitsPlan(max_duration_s=2, idle_nudge_s=0, silence_s=0))
        await stage.say("on and on and on", 3_000)
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "max_duration"

    run_virtual(call())


def test_waiting_for_keys_is_not_nudged() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"timeout_s": 8}')
        answers: list[list[Words | ToolCall] | str] = [[Words("Your code please."), keypad], "Thank you."]
        stage = Stage(answers=answers, limits=LimitsPlan(idle_nudge_s=3, silence_s=0))
        await stage.say("check my order", 700)
        await stage.until_quiet()
        await stage.silence(6_000)
        assert stage.of(Nudged) == []

    run_virtual(call())


def test_a_long_goodbye_is_played_to_its_end() -> None:
    async def call() -> None:
        stage = Stage(answers=[goodbye(" ".join(["word"] * 80))])  # 24 s of audio
        await stage.say("bye", 400)
        await stage.until_sounding()
        await stage.silence(22_000)
        assert not stage.carrier.hung_up, "longer than a goodbye may hang, but it is still sounding"
        await stage.until_quiet(40_000)
        assert stage.carrier.heard_words() == 80
        assert stage.carrier.hung_up

    run_virtual(call())
