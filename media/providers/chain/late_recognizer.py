"""A recognizer that lost against another one: its answer may still correct its vendor's figures."""

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
    """One that another one replaces. request: the text that it owes, if any."""

    attempts: Attempts[SpeechToText]
    session: SpeechToTextSession | None
    sink: SessionSink | None
    request: TextRequest | None

    @property
    def waited_s(self) -> float:
        """Since that text was asked for."""
        return self.request.waited_s if self.request else 0.0

    @property
    def cost_s(self) -> float:
        """How long the caller waited for it alone."""
        return self.request.cost_s if self.request else 0.0


class LateRecognizer:
    """Waits unheard for the text that was asked for, for limit_s at most; then the session is closed and the board
    counts either the answer or the error."""

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
        """Waits no longer."""
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
    """Those of one call. Of a late one of which only its vendor's figures are known, the answer is awaited unheard, as
    with models and voices; one at a time."""

    def __init__(self, deadlines: Deadlines, cleanup: SessionCleanup) -> None:
        self._deadlines = deadlines
        self._cleanup = cleanup
        self._late: LateRecognizer | None = None

    def add(self, lost: LostRecognizer, error: ProviderError, winner: int, stage: FailureStage) -> None:
        """Reports the failure, and closes the session in the background. winner: index of the one that goes on."""
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
        """Waits no longer for a late one."""
        if self._late is not None:
            self._late.end()
            self._late = None
