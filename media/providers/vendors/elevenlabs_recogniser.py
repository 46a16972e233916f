"""What sessions of ElevenLabs' Scribe need: rules, and a dialect whose texts are committed."""

import asyncio
from functools import partial
from typing import Final

from media.audio.mulaw import SILENCE
from media.providers.recogniser_dialect import ListenRules, RecogniserLine
from media.providers.vendors.elevenlabs_scribe_wire import ScribeTranscript, make_chunk
from media.providers.vendors.elevenlabs_wire import make_closed, refine_refusal
from shared.g711 import BYTES_PER_MS
from shared.providers.speech import RecognisedText

# Audio of one message: 60 ms. It is a multiple of 3, so that base64 adds no padding, and costs 20 ms on average.
CHUNK_BYTES: Final = 480
# The vendor closes a session that got no audio for about 15 s; pipecat's service sends some after 5 to 10 s.
KEEP_ALIVE_S: Final = 4.0
# A little silence: the words after it are timed so much later.
_KEEP_ALIVE: Final = make_chunk(SILENCE * (20 * BYTES_PER_MS))


def make_rules() -> ListenRules:
    """Audio goes in JSON, and silence when there is none."""
    return ListenRules(
        make_closed=make_closed,
        refine_refusal=refine_refusal,
        chunk_bytes=CHUNK_BYTES,
        encode=make_chunk,
        keep_alive=_KEEP_ALIVE,
        keep_alive_s=KEEP_ALIVE_S,
    )


class ScribeDialect:
    """One session. times_s: how long the times of a text are awaited."""

    def __init__(self, transcript: ScribeTranscript, times_s: float) -> None:
        self._transcript = transcript
        self._times_s = times_s

    @property
    def is_ready(self) -> bool:
        return self._transcript.has_started

    def opened(self, line: RecogniserLine) -> None:
        """Nothing: the address says all."""

    def pushed(self, line: RecogniserLine) -> None:
        """Commits what would otherwise become too long."""
        if self._transcript.needs_commit(line.position_ms):
            self._commit(line)

    def started(self, line: RecogniserLine) -> None:
        """Nothing: the recogniser hears by itself when somebody speaks."""

    def finalise(self, line: RecogniserLine, token: int) -> None:
        if self._transcript.finalise(token, line.position_ms):
            self._commit(line)
        elif not self._transcript.is_plain:
            asyncio.get_running_loop().call_soon(partial(self.expire, line))

    def next_turn(self, line: RecogniserLine) -> None:
        self._transcript.next_turn()

    def read(self, line: RecogniserLine, message: bytes) -> None:
        """Reports the turn's text. Raises ProviderError."""
        event = self._transcript.read(message)
        self._await_times(line)
        _report(line, event)

    def expire(self, line: RecogniserLine) -> None:
        """Settles for what is known."""
        line.cancel_wait()
        _report(line, self._transcript.settle())

    def _commit(self, line: RecogniserLine) -> None:
        self._transcript.commit(line.position_ms)
        line.send(make_chunk(line.take_unsent(), commit=True))

    def _await_times(self, line: RecogniserLine) -> None:
        """Waits for the times of a text that came, unless that is done already."""
        if not self._transcript.is_plain:
            line.cancel_wait()
        elif not line.is_waiting:
            line.wait(self._times_s)


def _report(line: RecogniserLine, event: RecognisedText | None) -> None:
    if event is not None:
        line.report(event)
