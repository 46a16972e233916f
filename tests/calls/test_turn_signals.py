"""Whole calls with a recognizer that tells whether the caller has finished: through the chain to the turn's end."""

import asyncio

import pytest

from media.providers.ports import ProviderError, RecognizedText, SpeechToTextFailed, TurnSignal
from shared.events import CallerSaid, TurnLatency
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

TEXT = "friday at noon suits me"
# Without a model of the words 657 ms of silence end a turn, 640 with the recognizer's consent, 1,447 against it.
TURN, USUAL, SOON, LATE = TurnPlan(), 657, 640, 1_447
END, RESUMED = TurnSignal(TEXT, 0.9), TurnSignal(TEXT, None, resumed=True)
DIED = SpeechToTextFailed(ProviderError("scripted", "socket closed"))


@pytest.mark.parametrize(
    ("events", "silence_ms"),
    [
        ((), USUAL),
        ((END,), SOON),
        ((END, RESUMED), LATE),
        ((END, RESUMED, END), SOON),
        ((TurnSignal("another turn", 0.9),), USUAL),
        ((TurnSignal(TEXT, 7.0),), USUAL),
        ((END, DIED), USUAL),
    ],
    ids=["silent", "end", "resumed", "end after all", "other words", "garbage", "the session dies"],
)
def test_signals_shorten_and_lengthen_the_silence(
    events: tuple[TurnSignal | SpeechToTextFailed, ...], silence_ms: int
) -> None:
    async def call() -> None:
        scripted = ScriptedCall(turn=TURN, models=[])
        await scripted.say(TEXT, 800)
        await scripted.silence(360)
        for event in events:
            assert scripted.recognizer.sink is not None
            scripted.recognizer.sink(event)
        await scripted.listen_until_quiet()
        (latency,) = scripted.events_of(TurnLatency)
        assert latency.endpoint_ms == pytest.approx(silence_ms, abs=20)
        await scripted.hang_up()

    run_virtual(call())


@pytest.mark.parametrize("is_signal", [True, False], ids=["signal", "text"])
def test_recognizer_event_after_the_hang_up_does_not_end_a_turn(is_signal: bool) -> None:
    """The words of who hung up in the middle are reported once, as last words."""

    async def call() -> None:
        scripted = ScriptedCall(turn=TURN, models=[])
        scripted.recognizer.answer_s = 0.05
        await scripted.say(TEXT, 800)
        await scripted.silence(560)
        sink = scripted.recognizer.sink
        assert sink is not None
        sink(RESUMED)
        await scripted.silence(100)
        hanging_up = asyncio.create_task(scripted.hang_up())
        await asyncio.sleep(0)
        sink(END if is_signal else RecognizedText(f"{TEXT} again", final=False))
        await hanging_up
        assert [said.text for said in scripted.events_of(CallerSaid)] == [TEXT]
        assert scripted.turns_taken == 0

    run_virtual(call())
