"""What a recording of an announced call holds, heard by the local recognizer: no word from before the announcement's
end, and the words after it. The call runs in virtual time, with speech of the local voice on both sides."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.providers.factory import Providers
from media.providers.ports import SpeechChunk
from shared.events import AgentSaid, AnnouncementHeard, TurnInterrupted
from shared.plan import ConsentPlan, ContextPlan, TurnPlan
from tests.calls.scripted_call import ScriptedCall, ScriptedModel
from tests.calls.scripted_recognizer import ScriptedRecognizer
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual
from vocalized.caller.local_speech import Recognize, load_recognizer, load_voice
from vocalized.demo.readback import utterances, words_of

pytestmark = pytest.mark.speech

ANNOUNCEMENT = "This conversation is recorded for training purposes."
GREETING = "Good morning, which table would you like?"
EARLY = "My account number is seven."
LATE = "Please book a window seat for tomorrow evening."
ANSWER = "Your reservation is complete."


@cache
def speech() -> Mapping[str, bytes]:
    """All that is said, in mu-law; synthesized once."""
    voice = load_voice()
    texts = (ANNOUNCEMENT, GREETING, EARLY, LATE, ANSWER)
    return {text: mulaw.encode(np.frombuffer(voice(text), dtype="<i2").tobytes()) for text in texts}


@cache
def recognizer() -> Recognize:
    return load_recognizer()


@dataclass
class PreparedVoice:
    """A voice that has synthesized its texts already."""

    name: str = "prepared"
    streams_text: bool = False
    times_words: bool = False
    spoken: list[str] = field(default_factory=list)

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        whole = " ".join([piece.strip() async for piece in text])
        self.spoken.append(whole)
        yield SpeechChunk(speech()[whole])


def recognize(samples: NDArray[np.int16]) -> set[str]:
    """The words of one side."""
    heard = (recognizer()(utterance.astype("<i2").tobytes()) for utterance in utterances(samples))
    return set(words_of(" ".join(heard)))


async def talk_through(scripted: ScriptedCall) -> None:
    """The caller speaks from the first moment."""
    await scripted.silence(60)
    await scripted.speak(EARLY, speech()[EARLY])


async def answer_the_phone(scripted: ScriptedCall) -> None:
    """The callee says something, and speaks again as the announcement begins."""
    await scripted.silence(300)
    await scripted.speak("Hello?", speech()[EARLY][:6_400])
    await scripted.wait_until_sounding()
    await scripted.speak(EARLY, speech()[EARLY])


CALLS: Mapping[str, Callable[[ScriptedCall], object]] = {"inbound": talk_through, "outbound": answer_the_phone}


async def run_call(direction: str, writer: RecordingWriter) -> ScriptedCall:
    recognized, model = ScriptedRecognizer(), ScriptedModel([ANSWER])
    scripted = ScriptedCall(
        greeting=GREETING,
        turn=TurnPlan(silence_ms=400),
        recorder=writer,
        consent=ConsentPlan(ANNOUNCEMENT),
        context=ContextPlan("UTC", "outbound" if direction == "outbound" else "inbound"),
        providers=Providers(recognized, model, PreparedVoice()),
    )
    scripted.recognizer = recognized
    await (talk_through if direction == "inbound" else answer_the_phone)(scripted)
    while not scripted.events_of(AnnouncementHeard):
        await scripted.silence(100)
    await scripted.listen_until_quiet()
    await scripted.silence(300)
    await scripted.speak(LATE, speech()[LATE])
    await scripted.listen_until_quiet()
    await scripted.hang_up()
    return scripted


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_recording_holds_the_words_after_the_announcement_and_none_before(direction: str, tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())
    scripted = run_virtual(run_call(direction, writer))
    assert [one.text for one in scripted.events_of(AgentSaid)] == [ANNOUNCEMENT, GREETING, ANSWER]
    assert not scripted.events_of(TurnInterrupted)
    heard = np.frombuffer(mulaw.decode(bytes(scripted.carrier.played)), dtype="<i2")
    assert {"conversation", "recorded", "training", "purposes"} <= recognize(heard), "who was called heard it whole"
    caller, agent = (np.asarray(one * 32_767, dtype=np.int16) for one in read_wav(writer.path.read_bytes()).samples.T)
    said = recognize(caller)
    assert {"book", "window", "tomorrow", "evening"} <= said and not {"account", "number", "seven"} & said
    answered = recognize(agent)
    assert {"table", "reservation"} <= answered and not {"conversation", "recorded", "training"} & answered
