"""The session that hears the caller, with the meter of its audio."""

from collections.abc import Sequence

from media.providers.chain.audio_meter import AudioMeter
from media.providers.chain.recognizer_session import OpenedSession, SessionSink
from media.providers.chain.replay_buffer import ReplayBuffer
from media.providers.ports import SpeechToTextSession
from media.providers.usage import UsageMeter


class RecognizerInUse:
    """Passes on what the caller does; nothing while another recognizer is being opened.

    session: None meanwhile. sink: of the latest session. meters: one for each recognizer of the chain.
    """

    __slots__ = ("_buffer", "_meter", "_meters", "session", "sink")

    def __init__(self, meters: Sequence[UsageMeter], buffer: ReplayBuffer) -> None:
        self._meters = meters
        self._buffer = buffer
        self._meter: AudioMeter | None = None
        self.session: SpeechToTextSession | None = None
        self.sink: SessionSink | None = None

    def begin(self, opened: OpenedSession, index: int) -> None:
        """Uses a new session of the recognizer with this index."""
        self.session, self.sink = opened.session, opened.sink
        self._meter = AudioMeter(self._meters[index], self._buffer)

    def take_over(
        self, sink: SessionSink | None, session: SpeechToTextSession | None, meter: AudioMeter | None
    ) -> None:
        """Uses a session that has heard the caller already, and its meter."""
        self.session, self.sink, self._meter = session, sink, meter

    def is_heard(self, sink: SessionSink) -> bool:
        """Whether the events of this sink count: it is that of the session in use."""
        return self.session is not None and sink is self.sink

    def started(self) -> None:
        """Passes on that the caller began to speak."""
        if self.session is not None:
            self.session.started()

    def next_turn(self) -> None:
        """Passes on that the turn's text has been used."""
        if self.session is not None:
            self.session.next_turn()

    def detach(self) -> SpeechToTextSession | None:
        """Sends no more audio to the session, if there is one, and returns it."""
        session, self.session = self.session, None
        if self._meter is not None:
            self._meter.stop(is_billed=self.sink is None or not self.sink.is_refused)
            self._meter = None
        return session
