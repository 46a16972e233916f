"""A session of one of pipecat's voices."""

from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import ControlFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame

from media.audio.transcode import Transcoder
from media.providers.pipecat.engine.session import Send
from media.providers.pipecat.wire import ClauseText, SessionInput, SpeechAudio, UtteranceEnd, UtteranceSpoken


@dataclass
class _EndMark(ControlFrame):
    """Follows all speech of an utterance through the service, which keeps the order of such frames and its audio."""


class VoiceSession:
    """Has each clause spoken as a turn of its own, so that the service waits for no other one."""

    def __init__(self, service: Any, send: Send) -> None:
        self._send = send
        self._transcoder: Transcoder | None = None
        self._rate = 0

    async def prepare(self) -> None:
        """Nothing to do: the rate is known with the first audio."""

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """The frames of a message."""
        match message:
            case ClauseText(text):
                return [TTSSpeakFrame(text, append_to_context=False)]
            case UtteranceEnd():
                return [_EndMark()]
        return []

    def on_frame(self, frame: Frame) -> None:
        """Reports the audio in a frame of the service. Raises ValueError for audio that cannot be converted."""
        if isinstance(frame, TTSAudioRawFrame):
            if self._transcoder is None or frame.sample_rate != self._rate:
                self._transcoder, self._rate = Transcoder("L16", frame.sample_rate), frame.sample_rate
            if ulaw := self._transcoder.to_ulaw(frame.audio):
                self._send(SpeechAudio(ulaw))
        elif isinstance(frame, _EndMark):
            self._send(UtteranceSpoken())

    def close(self) -> None:
        """Nothing to do."""
