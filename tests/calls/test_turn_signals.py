"""Whole calls with a recogniser that tells whether the caller has finished: through the chain to the turn's end."""

import pytest

from media.providers.ports import ProviderError, SpeechToTextFailed, TurnSignal
from shared.events import TurnLatency
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

TEXT = "friday at noon suits me"
# Without a model of the words 600 ms of silence end a turn: 510 with the recogniser's consent, 900 against it.
TURN, USUAL, SOON, LATE = TurnPlan(silence_ms=600), 600, 510, 900
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
            assert scripted.recogniser.sink is not None
            scripted.recogniser.sink(event)
        await scripted.listen_until_quiet()
        (latency,) = scripted.events_of(TurnLatency)
        assert latency.endpoint_ms == pytest.approx(silence_ms, abs=20)
        await scripted.hang_up()

    run_virtual(call())
