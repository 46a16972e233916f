"""A session with a pipecat voice."""

from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import ControlFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame

from media.audio.transcode import Transcoder
from media.providers.pipecat.engine.session import Send
from media.providers.pipecat.wire import ClauseText, SessionInput, SpeechAudio, UtteranceEnd, UtteranceSpoken


@dataclass
class _EndMark(ControlFrame):
    """Follows all speech of an utterance through the service, which preserves the order of its audio and these
    frames."""


class VoiceSession:
    """Speaks each clause as a separate turn, so that the service does not wait for another clause."""

    def __init__(self, service: Any, send: Send) -> None:
        self._send = send
        self._transcoder: Transcoder | None = None
        self._rate = 0

    async def prepare(self) -> None:
        """Do nothing, because the first audio determines the rate."""

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """Return the frames for a message."""
        match message:
            case ClauseText(text):
                return [TTSSpeakFrame(text, append_to_context=False)]
            case UtteranceEnd():
                return [_EndMark()]
        return []

    def on_frame(self, frame: Frame) -> None:
        """Report the audio in a frame from the service. Raises ValueError for audio that cannot be converted."""
        if isinstance(frame, TTSAudioRawFrame):
            if self._transcoder is None or frame.sample_rate != self._rate:
                self._transcoder, self._rate = Transcoder("L16", frame.sample_rate), frame.sample_rate
            if ulaw := self._transcoder.to_ulaw(frame.audio):
                self._send(SpeechAudio(ulaw))
        elif isinstance(frame, _EndMark):
            self._send(UtteranceSpoken())

    def close(self) -> None:
        """Do nothing."""
