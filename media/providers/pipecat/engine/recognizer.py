"""A session of one of pipecat's recognizers."""

import asyncio
from typing import Any, Final

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)

from media.audio.mulaw import BYTES_PER_MS
from media.audio.transcode import Transcoder
from media.providers.pipecat.engine.session import Send
from media.providers.pipecat.transcript import SegmentedTurn
from media.providers.pipecat.wire import CallerAudio, FinalRequest, RecognizedTurn, SessionInput, SpeechStart, TurnTaken

# The text is asked for after so much silence.
STOP_S: Final = 0.2
# The wait for a final text is what pipecat knows of the service, within these limits; the chain's deadline is 2 s.
LEAST_WAIT_S: Final = 0.3
LONGEST_WAIT_S: Final = 1.5
# After a final text that may not be the last one.
SETTLE_S: Final = 0.2


class RecognizerSession:
    """Turns a session's messages into frames, and the service's frames into texts of turns."""

    def __init__(self, service: Any, send: Send) -> None:
        self._service = service
        self._send = send
        self._turn = SegmentedTurn()
        self._wait_s = LONGEST_WAIT_S
        self._overdue: asyncio.TimerHandle | None = None
        self._transcoder: Transcoder | None = None

    async def prepare(self) -> None:
        """The service has started. Raises ValueError for audio that cannot be converted."""
        self._transcoder = Transcoder("L16", self._service.sample_rate)

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """The frames of a message."""
        match message:
            case CallerAudio(ulaw):
                assert self._transcoder is not None
                self._turn.add_audio(len(ulaw) / BYTES_PER_MS)
                pcm = self._transcoder.from_ulaw(ulaw)
                return [InputAudioRawFrame(pcm, self._service.sample_rate, 1)]
            case SpeechStart():
                self._turn.started()
                return [VADUserStartedSpeakingFrame(start_secs=STOP_S), UserStartedSpeakingFrame()]
            case FinalRequest(token):
                return self._request(token)
            case TurnTaken():
                self._cancel()
                self._turn.next_turn()
                return [UserStoppedSpeakingFrame()]
        return []

    def on_frame(self, frame: Frame) -> None:
        """Reports the texts in a frame of the service."""
        if isinstance(frame, InterimTranscriptionFrame):
            self._report(self._turn.add_interim(frame.text))
        elif isinstance(frame, TranscriptionFrame):
            self._report(self._turn.add_final(frame.text, is_last=frame.finalized))
            if self._turn.is_pending:
                self._wait(SETTLE_S)
        elif isinstance(frame, STTMetadataFrame):
            self._wait_s = min(max(frame.ttfs_p99_latency, LEAST_WAIT_S), LONGEST_WAIT_S)

    def close(self) -> None:
        """Nothing is reported any more."""
        self._cancel()

    def _request(self, token: int) -> list[Frame]:
        """Without speech since the last request, there is nothing more that the service could be asked for."""
        had_speech = self._turn.is_speaking
        self._turn.request(token)
        self._wait(self._wait_s)
        return [VADUserStoppedSpeakingFrame(stop_secs=STOP_S)] if had_speech else []

    def _wait(self, seconds: float) -> None:
        self._cancel()
        self._overdue = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._overdue = None
        self._report(self._turn.expire())

    def _report(self, text: RecognizedTurn | None) -> None:
        if text is not None:
            if text.is_final:
                self._cancel()
            self._send(text)

    def _cancel(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
