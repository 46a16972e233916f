"""Whatever the caller does while a tool runs: one run, one result in its place, valid requests, and no long silence."""

from collections import Counter

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.events import ToolRan, ToolStarted
from shared.plan import LimitsPlan
from tests.calls.remote_tools import BOOK_PLAN, BOOKED, ScriptedControl, assert_valid, results_of, say_and_book
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual

LIMIT_S = 8

_quiet = st.tuples(st.just("quiet"), st.integers(10, 200))
_talk = st.tuples(st.just("talk"), st.integers(15, 80))
_noise = st.tuples(st.just("noise"), st.integers(2, 15))
_steps = st.lists(st.one_of(_quiet, _talk, _noise), max_size=5)
# Without shrinking: each example is a call of half a minute, and shrinking takes minutes.
_settings = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


class WatchedCall(ScriptedCall):
    """longest_wait_ms: the longest silence of both sides while the caller waited for a tool, or for its result."""

    longest_wait_ms = 0

    @property
    def waits(self) -> bool:
        """Whether a tool runs, or the model has not been asked with a result that is there."""
        if len(self.events_of(ToolStarted)) > len(self.events_of(ToolRan)):
            return True
        results = results_of(self.model.requests[-1]) if self.model.requests else []
        return bool(self.events_of(ToolStarted)) and results != [BOOKED] * max(1, len(results))

    async def _frame(self, speech: bytes = b"") -> None:
        await super()._frame(speech)
        if self.waits:
            self.longest_wait_ms = max(self.longest_wait_ms, self.silence_ms)


async def talk(scripted: ScriptedCall, steps: list[tuple[str, int]]) -> None:
    """The caller does each step for so many frames."""
    for number, (kind, frames) in enumerate(steps):
        if kind == "quiet":
            await scripted.silence(frames * 20)
        else:
            await scripted.say(f"word{number} and more of it" if kind == "talk" else "", frames * 20)


@_settings
@given(
    _steps,
    st.integers(1, 120),
    st.sampled_from(["", "Let me book that.", "I am going to book that table for you right now."]),
    st.booleans(),
    st.sampled_from([0.08, 1.5]),
)
def test_random_talk_over_a_tool(
    steps: list[tuple[str, int]], tenths: int, words: str, again: bool, voice_s: float
) -> None:
    """tenths: how long the tool runs, in 0.1 s. again: the model calls it again in its next answer. voice_s: until the
    voice's first audio."""

    async def call() -> None:
        control = ScriptedControl(tenths / 10)
        answers: Answers = [say_and_book(words), *([say_and_book("Still on it.")] if again else [])]
        limits = LimitsPlan(reply_s=LIMIT_S, idle_nudge_s=LIMIT_S, silence_s=0)
        scripted = WatchedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control, limits=limits)
        scripted.voice.delay_s = voice_s
        await scripted.say("book a table", 600)
        await talk(scripted, steps)
        await scripted.silence(2_000)
        while scripted.waits or not scripted.events_of(ToolStarted):
            assert scripted.now() < 60_000
            await scripted.silence(500)
        await scripted.hang_up()
        assert_consistent(scripted, control)

    run_virtual(call())


def assert_consistent(scripted: WatchedCall, control: ScriptedControl) -> None:
    started = Counter(event.run_id for event in scripted.events_of(ToolStarted))
    ran = Counter(event.run_id for event in scripted.events_of(ToolRan))
    asked = Counter(request.run_id for request in control.asked)
    assert started == ran == asked
    assert set(started.values()) == {1}
    for request in scripted.model.requests:
        assert_valid(request)
    last = scripted.model.requests[-1]
    calls = [call for message in last.messages for call in message.tool_calls]
    assert calls and results_of(last) == [BOOKED] * len(calls), "each result is known, once, at its place"
    assert scripted.longest_wait_ms <= LIMIT_S * 1000
