"""A recognizer that lost against another one. Its answer may still correct its vendor's figures."""

from collections.abc import Callable
from dataclasses import dataclass

from media.providers.chain.candidates import Attempts
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.recognizer_session import SessionCleanup, SessionSink
from media.providers.chain.text_request import TextRequest
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
)
from shared.provider_failures import FailureStage


@dataclass(frozen=True, slots=True)
class LostRecognizer:
    """A recognizer that was replaced by another one.

    Attributes:
        request: The outstanding request for a text, if there is one.
    """

    attempts: Attempts[SpeechToText]
    session: SpeechToTextSession | None
    sink: SessionSink | None
    request: TextRequest | None

    @property
    def waited_s(self) -> float:
        """How long the outstanding text has been requested, in seconds."""
        return self.request.waited_s if self.request else 0.0

    @property
    def cost_s(self) -> float:
        """How long the caller waited for this recognizer alone, in seconds."""
        return self.request.cost_s if self.request else 0.0


class LateRecognizer:
    """Waits for the outstanding text, at most for limit_s, without using it. After that, the session is closed, and the
    health board counts either the answer or the error."""

    def __init__(
        self, lost: LostRecognizer, error: ProviderError, limit_s: float, close: Callable[[SpeechToTextSession], None]
    ) -> None:
        self._lost = lost
        self._error = error
        self._close = close
        self._timer: DeadlineTimer | None = DeadlineTimer(limit_s, self.end)
        if lost.sink is not None:
            lost.sink.redirect(self._take)

    def end(self) -> None:
        """Stop waiting, and count the error."""
        self._judge(self._error)

    def _take(self, sink: SessionSink, event: SpeechToTextEvent) -> None:
        if isinstance(event, SpeechToTextFailed):
            self.end()
        elif isinstance(event, RecognizedText) and self._answers(event):
            self._judge(None)

    def _answers(self, event: RecognizedText) -> bool:
        request = self._lost.request
        return bool(request and event.final and event.token == request.token and event.text.strip())

    def _judge(self, error: ProviderError | None) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if error is None:
            self._lost.attempts.mark_answered()
        self._lost.attempts.judge(error)
        if self._lost.session is not None:
            self._close(self._lost.session)


class LostRecognizers:
    """The lost recognizers of one call. If only the vendor's figures are known for a late recognizer, its answer is
    awaited, as for models and voices, but only for one recognizer at a time."""

    def __init__(self, deadlines: Deadlines, cleanup: SessionCleanup) -> None:
        self._deadlines = deadlines
        self._cleanup = cleanup
        self._late: LateRecognizer | None = None

    def add(self, lost: LostRecognizer, error: ProviderError, winner: int, stage: FailureStage) -> None:
        """Report the failure, and close the session in the background.

        Args:
            winner: The index of the recognizer that continues.
        """
        self.end()
        usual = lost.attempts.usual_wait
        is_late = isinstance(error, ProviderSlow) and usual is not None
        left_s = self._deadlines.judge_s - lost.waited_s if is_late and not lost.attempts.is_learned else 0.0
        lost.attempts.lose(
            error,
            winner,
            demote=usual is None or not is_late or lost.waited_s >= self._deadlines.bound(usual),
            stage=stage,
            cost_s=lost.cost_s,
            judged=left_s <= 0,
        )
        if left_s > 0:
            self._late = LateRecognizer(lost, error, left_s, self._cleanup.close)
        else:
            self._cleanup.close(lost.session)

    def end(self) -> None:
        """Stop waiting for the late recognizer."""
        if self._late is not None:
            self._late.end()
            self._late = None
