"""The session that receives the caller's audio, with its meter."""

from collections.abc import Sequence

from media.providers.chain.audio_meter import AudioMeter
from media.providers.chain.recognizer_session import OpenedSession, SessionSink
from media.providers.chain.replay_buffer import ReplayBuffer
from media.providers.ports import SpeechToTextSession
from media.providers.usage import UsageMeter


class RecognizerInUse:
    """Passes the caller's actions on to the current session. Does nothing while another recognizer is being opened.

    Args:
        meters: The usage meters, one for each recognizer of the chain.

    Attributes:
        session: The current session, or None while another recognizer is being opened.
        sink: The sink of the latest session.
    """

    __slots__ = ("_buffer", "_meter", "_meters", "session", "sink")

    def __init__(self, meters: Sequence[UsageMeter], buffer: ReplayBuffer) -> None:
        self._meters = meters
        self._buffer = buffer
        self._meter: AudioMeter | None = None
        self.session: SpeechToTextSession | None = None
        self.sink: SessionSink | None = None

    def begin(self, opened: OpenedSession, index: int) -> None:
        """Use a new session of the recognizer with this index."""
        self.session, self.sink = opened.session, opened.sink
        self._meter = AudioMeter(self._meters[index], self._buffer)

    def take_over(
        self, sink: SessionSink | None, session: SpeechToTextSession | None, meter: AudioMeter | None
    ) -> None:
        """Use a session that has already received audio, and its meter."""
        self.session, self.sink, self._meter = session, sink, meter

    def is_heard(self, sink: SessionSink) -> bool:
        """Return whether this sink belongs to the session in use, so that its events count."""
        return self.session is not None and sink is self.sink

    def started(self) -> None:
        """Notify the session that the caller began to speak."""
        if self.session is not None:
            self.session.started()

    def next_turn(self) -> None:
        """Notify the session that the turn's text was used."""
        if self.session is not None:
            self.session.next_turn()

    def detach(self) -> SpeechToTextSession | None:
        """Stop sending audio to the session, and return it. Returns None if there is no session."""
        session, self.session = self.session, None
        if self._meter is not None:
            self._meter.stop(is_billed=self.sink is None or not self.sink.is_refused)
            self._meter = None
        return session
