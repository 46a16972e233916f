"""Whatever the caller's pauses and the speed of the providers: each word belongs to one turn, each answer was heard."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from media.providers.ports import LanguageModelEvent
from shared.events import AgentSaid, CallerSaid, UsageRecorded
from shared.plan import LimitsPlan, TurnPlan
from tests.calls.remote_tools import BOOK_PLAN, ScriptedControl, assert_valid, say_and_book
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

ANSWER = "answer{} is that Friday is full, but we have Saturday."

# Frames that the caller speaks and is silent; whether there are words in the sound.
_talk = st.lists(st.tuples(st.integers(10, 60), st.integers(5, 110), st.sampled_from([True] * 4 + [False])), max_size=8)
# Without shrinking: each example is a call of half a minute.
_settings = settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@_settings
@given(_talk, st.sampled_from([0.05, 0.3, 0.9]), st.sampled_from([0.05, 0.4]), st.booleans(), st.booleans())
def test_random_pauses(
    talk: list[tuple[int, int, bool]], model_s: float, voice_s: float, partials: bool, tools: bool
) -> None:
    """model_s, voice_s: until their first words and audio. partials: the recognizer tells words as they are said.
    tools: each second answer calls one."""

    async def call() -> None:
        control = ScriptedControl(0.5)
        answers: list[str | list[LanguageModelEvent]] = [
            [*say_and_book(f"first{number} I book.")] if tools and number % 2 else ANSWER.format(number)
            for number in range(40)
        ]
        limits, turn = LimitsPlan(idle_nudge_s=0, silence_s=0), TurnPlan(silence_ms=1_000)
        scripted = ScriptedCall(
            answers=answers, tools=(BOOK_PLAN,), remote_tools=control, turn=turn, limits=limits, models=[]
        )
        scripted.model.delay_s, scripted.voice.delay_s = model_s, voice_s
        await scripted.say("begin i want a table", 800)
        for number, (speech, silence, has_words) in enumerate(talk):
            await scripted.say(f"word{number} and that" if has_words else "", speech * 20)
            if partials and has_words:
                scripted.recognizer.partial()
            await scripted.silence(silence * 20)
        await scripted.silence(12_000)
        assert not scripted.carrier.sounding
        messages = scripted.call.snapshot().messages
        usage = (await scripted.hang_up()).usage
        words = [f"word{number}" for number, one in enumerate(talk) if one[2]]
        assert_each_word_once(scripted, ["begin", *words])
        assert_told_as_heard(
            scripted, [(message.role, message.text) for message in messages if message.text and message.role != "tool"]
        )
        assert len(control.runs) == sum(len(message.calls) for message in messages), "no tool ran for a dropped answer"
        assert len({request.run_id for request in control.asked}) == len(control.asked)
        for request in scripted.model.requests:
            assert_valid(request)
        assert usage.llm_requests == len(scripted.model.requests)
        used = [event for event in scripted.events_of(UsageRecorded) if event.unit == "prompt_tokens"]
        assert len(used) == len(scripted.model.requests), "one entry for each request, also of dropped answers"

    run_virtual(call())


def assert_each_word_once(scripted: ScriptedCall, words: list[str]) -> None:
    """Each word that the caller said is in one turn, in order."""
    said = " ".join(event.text for event in scripted.events_of(CallerSaid)).split()
    assert [word for word in said if word in words] == words
    numbers = [event.turn for event in scripted.events_of(CallerSaid)]
    assert numbers == list(range(1, len(numbers) + 1))


def assert_told_as_heard(scripted: ScriptedCall, told: list[tuple[str, str]]) -> None:
    """The model's memory is what the events report."""
    events = [event for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]
    caller = [event.text for event in events if isinstance(event, CallerSaid)]
    assert [text for role, text in told if role == "user"] == caller
    heard = " ".join(event.text for event in events if isinstance(event, AgentSaid)).split()
    known = " ".join(text for role, text in told if role == "assistant").split()
    assert [word for word in heard if word[-1].isdecimal()] == [word for word in known if word[-1].isdecimal()]
    for number in range(40):
        assert heard.count(f"answer{number}") <= 1 and heard.count(f"first{number}") <= 1
