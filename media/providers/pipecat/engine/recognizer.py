"""A session with a pipecat recognizer."""

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

# Seconds of silence before a text is requested.
STOP_S: Final = 0.2
# Limits of the wait for a final text, which is pipecat's latency for the service. The chain's deadline is 2 s.
LEAST_WAIT_S: Final = 0.3
LONGEST_WAIT_S: Final = 1.5
# Seconds to wait after a final text that may not be the last one.
SETTLE_S: Final = 0.2


class RecognizerSession:
    """Converts a session's messages to frames, and the service's frames to texts of turns."""

    def __init__(self, service: Any, send: Send) -> None:
        self._service = service
        self._send = send
        self._turn = SegmentedTurn()
        self._wait_s = LONGEST_WAIT_S
        self._overdue: asyncio.TimerHandle | None = None
        self._transcoder: Transcoder | None = None

    async def prepare(self) -> None:
        """Prepare the conversion of audio for the started service. Raises ValueError for an unsupported sample rate."""
        self._transcoder = Transcoder("L16", self._service.sample_rate)

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """Return the frames for a message."""
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
        """Report the texts in a frame from the service."""
        if isinstance(frame, InterimTranscriptionFrame):
            self._report(self._turn.add_interim(frame.text))
        elif isinstance(frame, TranscriptionFrame):
            self._report(self._turn.add_final(frame.text, is_last=frame.finalized))
            if self._turn.is_pending:
                self._wait(SETTLE_S)
        elif isinstance(frame, STTMetadataFrame):
            self._wait_s = min(max(frame.ttfs_p99_latency, LEAST_WAIT_S), LONGEST_WAIT_S)

    def close(self) -> None:
        """Stop reporting."""
        self._cancel()

    def _request(self, token: int) -> list[Frame]:
        """Request the final text. Without speech since the last request, the service receives no frame, because it has
        no further text."""
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
