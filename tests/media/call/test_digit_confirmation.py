"""Whatever comes in whatever order: confirmed digits have had a yes after the question, and every request ends."""

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.digits import MOST_QUESTIONS, DigitCollector
from media.tools.collected_digits import CollectedDigits, DigitRequest
from tests.virtual_time import run_virtual

STEP_MS = 500.0
steps = st.lists(
    st.one_of(
        st.sampled_from(["1", "2", "5", "3456", "4444", "5555#"]),
        st.sampled_from(
            ["yes", "no", "yes but", "hm", "no four one five six", "four one five six", "one moment please"]
        ),
        st.just("wait"),
    ),
    max_size=12,
)


class Caller:
    """Plays steps to a collector. agreed: a yes came while a question that was put could be answered."""

    def __init__(self) -> None:
        self.digits, self.now, self.questions, self.asked, self.agreed = DigitCollector(), 0.0, 0, False, False

    def play(self, step: str) -> None:
        self.now += STEP_MS
        if step == "wait":
            self.listen()
        elif step[0].isdigit():
            self.agreed = self.agreed or (self.asked and step == "1")
            for key in step:
                self.digits.press(key, self.now)
        else:
            self.agreed = self.agreed or (self.asked and step in ("yes", "four one five six"))
            self.digits.take_speech(step, self.now, self.now)
        self.digits.tick(self.now, is_quiet=True)

    def listen(self) -> None:
        if prompt := self.digits.take_prompt():
            self.asked = prompt.is_secret
            self.questions += prompt.is_secret
            self.digits.question_ends(self.now)


@settings(max_examples=150)
@given(steps, st.booleans())
def test_digits_without_a_yes_are_never_given(played: list[str], spoken: bool) -> None:
    async def scenario() -> tuple[CollectedDigits | None, Caller]:
        caller = Caller()
        request = DigitRequest(least=4, most=4, spoken=spoken, confirm=True, tries=2)
        task = asyncio.ensure_future(caller.digits.collect(request, 0.0))
        await asyncio.sleep(0)
        for step in [*played, *["wait"] * 200]:
            if not task.done():
                caller.play(step)
                await asyncio.sleep(0)
        assert task.done(), "every request ends"
        with suppress(asyncio.CancelledError):
            return task.result(), caller
        return None, caller

    result, caller = run_virtual(scenario())
    assert caller.questions <= 2 * MOST_QUESTIONS
    if result is not None and result.outcome == "complete":
        assert result.is_confirmed and caller.agreed
