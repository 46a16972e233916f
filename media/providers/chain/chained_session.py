"""One caller's session over several recognizers. One recognizer is in use, and at times another runs beside it as a
check."""

from collections.abc import Callable, Container, Sequence

from media.providers.chain.candidates import Attempts, Candidates
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.late_recognizer import LostRecognizer, LostRecognizers
from media.providers.chain.out_of_service import leaving_error
from media.providers.chain.recognizer_check import CheckCause, RecognizerCheck
from media.providers.chain.recognizer_in_use import RecognizerInUse
from media.providers.chain.recognizer_session import (
    OpenedSession,
    SessionCleanup,
    SessionOpener,
    SessionReplacement,
    SessionSink,
)
from media.providers.chain.replay_buffer import ReplayBuffer, replay_into
from media.providers.chain.text_request import TextRequest
from media.providers.chain.turn_signals import TurnSignals, join_result
from media.providers.chain.unheard_speech import UnheardSpeech
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSink,
    TurnSignal,
)
from media.providers.usage import UsageMeter
from shared.provider_failures import FailureStage


class ChainedSession:
    """One caller's session. Each recognizer is tried at most once between two final texts."""

    __slots__ = (
        "_attempts", "_buffer", "_candidates", "_check", "_cleanup", "_deadlines", "_earlier_text", "_final_text",
        "_held_answer", "_in_use", "_lost", "_meters", "_multilingual", "_opener", "_pending", "_replacement",
        "_signals", "_sink", "_speech_heard", "_unheard", "_unwatch",
    )  # fmt: skip

    def __init__(
        self,
        candidates: Candidates[SpeechToText],
        language: str,
        sink: SpeechToTextSink,
        *,
        deadlines: Deadlines,
        meters: Sequence[UsageMeter],
        multilingual: Container[int] = (),
    ) -> None:
        self._candidates, self._multilingual = candidates, multilingual
        self._opener = SessionOpener(language, deadlines, self.handle)
        self._sink, self._deadlines, self._meters = sink, deadlines, meters
        self._buffer, self._unheard = ReplayBuffer(), UnheardSpeech()
        self._in_use = RecognizerInUse(meters, self._buffer)
        self._attempts: Attempts[SpeechToText] | None = None
        self._cleanup = SessionCleanup()
        self._replacement = SessionReplacement(self._cleanup, self._report_crash)
        self._lost = LostRecognizers(deadlines, self._cleanup)
        self._earlier_text = ""  # this turn's text from recognizers that have failed since
        self._final_text = ""  # this turn's text before the start of the replay buffer
        self._pending: TextRequest | None = None  # the unanswered `finalize`
        self._speech_heard = False  # whether speech was detected in this turn; otherwise, text may be noise
        self._check: RecognizerCheck | None = None  # checks the recognizer in use, whose answers are held back
        self._held_answer: RecognizedText | None = None
        self._unwatch: Callable[[], None] = lambda: None
        self._signals = TurnSignals(sink)

    async def open(self, attempts: Attempts[SpeechToText]) -> None:
        """Open the next recognizer that can be reached. Raises ProviderError if none is left."""
        self._attempts = attempts
        opened = await self._opener.open(attempts)
        self._in_use.begin(opened, attempts.index)
        self._replay(opened)

    def renew_attempts(self) -> None:
        """Allow all recognizers to be tried again. A successful open does not prove that the provider is healthy."""
        if self._attempts:
            self._attempts = self._candidates.renew(self._attempts)
            self._leave_service()

    def watch_service(self) -> None:
        """Move the session as soon as its recognizer is taken out of service. This is safe within a turn, because audio
        without a final text is replayed."""
        self._unwatch = self._candidates.health.watch_service(self._leave_service)

    def _leave_service(self) -> None:
        error = leaving_error(self._candidates.health, self._attempts)
        if error is not None and self._in_use.session is not None and self._attempts is not None:
            self._attempts = self._candidates.renew(self._attempts)  # ordered by the current service state
            self._switch(error)

    def set_language(self, language: str) -> None:
        """Continue in another language, as in `LanguageFollower`.

        A recognizer for a single language is reopened, and audio without a final text is replayed. A recognizer that is
        about to replace another one opens in the new language anyway.
        """
        self._opener.language = language
        used = None if self._replacement.is_due else self._attempts
        if used is not None and used.index not in self._multilingual:
            self._switch(None)
        elif self._check is not None and self._check.attempts.index not in self._multilingual:
            self._check.reopen()

    def push(self, ulaw: bytes) -> None:
        self._buffer.push(ulaw)
        if (session := self._in_use.session) is not None:
            session.push(ulaw)
        if self._check is not None and self._check.session is not None:
            self._check.session.push(ulaw)

    def started(self) -> None:
        self._buffer.mark_speech_start()
        self._unheard.started(self._buffer.end)
        self._speech_heard = True
        self._in_use.started()
        if self._check is not None and self._check.session is not None:
            self._check.session.started()

    def finalize(self, token: int) -> None:
        self._clear_pending()
        self._pending = TextRequest(token, self._buffer.end)
        self._unheard.asked(self._buffer.end)
        if self._in_use.session is not None:
            self._await_text()
            self._in_use.session.finalize(token)
        if self._check is not None:
            self._check.finalize(token, self._buffer.end)

    def next_turn(self) -> None:
        if self._pending and self._check is None:  # a running check may still recognize this audio
            self._buffer.discard_until(self._pending.position)
        self._clear_pending()
        self._unheard.drop()
        self._speech_heard = False
        self._earlier_text = self._final_text = ""
        self._in_use.next_turn()
        if self._check is not None and self._check.has_words:
            self._adopt_answer(self._check)  # the words are reported as late text
        elif self._check is not None and self._check.answer is not None:
            self._end_check()

    async def close(self) -> None:
        self._unwatch()
        self._in_use.sink = None
        self._end_check()
        self._lost.end()
        self._clear_pending()
        await self._replacement.close()
        if self._attempts:
            self._attempts.release()
        self._cleanup.close(self._in_use.detach())
        await self._cleanup.wait()
        self._opener.close()

    def handle(self, sink: SessionSink, event: SpeechToTextEvent) -> None:
        """Handle a recognizer's event. Events of replaced or still opening recognizers are ignored."""
        if self._check is not None and sink is self._check.sink:
            self._judge(self._check, event)
        elif not self._in_use.is_heard(sink):
            pass
        elif isinstance(event, SpeechToTextFailed):
            self._switch(event.error)
        elif isinstance(event, TurnSignal):
            self._signals.pass_on(event, self._earlier_text)
        else:
            self._take_text(event)

    def _take_text(self, event: RecognizedText) -> None:
        if self._speech_heard and self._attempts and event.text.strip():
            self._attempts.mark_useful()
        found = join_result(self._earlier_text, event)
        is_new = bool(found.text.strip()) and found.text != self._final_text
        if is_new:
            self._unheard.understood()
            if self._check is not None and self._check.cause == "deaf":
                self._release_answer()
        if event.final and self._pending and event.token == self._pending.token:
            self._unheard.answered(is_new=is_new)
            if self._attempts and event.text.strip():
                self._attempts.mark_answered()
            if self._hold_back(found, self._pending):
                return
            self._accept_final(found.text, self._pending.position)
        self._sink(found)

    def _hold_back(self, answer: RecognizedText, request: TextRequest) -> bool:
        """Return whether the answer waits for a check or is replaced by a check's answer. Starts a check if one is
        due."""
        if self._check is not None and self._check.has_words and not answer.text.strip():
            self._adopt_answer(self._check)
            return True
        if not self._unheard.is_doubtful and (self._check is None or self._check.cause == "late"):
            return False
        if self._check is None:
            self._start_check(request, "deaf")
        if self._check is None:
            return False
        if self._check.answer is not None:
            self._unheard.was_noise()
            return False
        self._check.cause = "deaf"
        request.stop()
        self._held_answer = answer
        return True

    def _accept_final(self, text: str, position: int) -> None:
        self._end_check()
        self._clear_pending()
        self._final_text = text
        self._buffer.discard_until(position)
        if self._attempts:
            self._attempts.succeed()
            self.renew_attempts()

    def _start_check(self, request: TextRequest, cause: CheckCause) -> None:
        """Let the next recognizer, if there is one, process the audio for which the current recognizer gave no text."""
        if self._attempts is None or not self._attempts.has_other:
            return
        request.mark_replaced()
        self._check = RecognizerCheck(
            self._attempts.split(),
            request,
            cause=cause,
            checked=self._attempts.index,
            buffer=self._buffer,
            meters=self._meters,
            deadlines=self._deadlines,
            cleanup=self._cleanup,
            opener=self._opener,
            on_error=self._fail_check,
        )

    def _judge(self, check: RecognizerCheck, event: SpeechToTextEvent) -> None:
        """Process an event of the checking recognizer."""
        if isinstance(event, SpeechToTextFailed):
            return self._fail_check(event.error)
        if isinstance(event, TurnSignal):
            return
        is_answer = event.final and event.token == check.token
        has_words = bool(event.text.strip()) and check.is_asked
        if has_words and check.cause == "deaf" and self._is_owed:
            check.answer = event if is_answer else None  # the recognizer in use has its usual time to answer
        elif has_words and (is_answer or check.cause == "deaf"):
            self._adopt_check(check, self._find_fault(check))
            self._take_text(event)
        elif is_answer and check.cause == "late" and self._is_owed:
            check.answer = event  # the late answer may still be better
            self._take_over_overdue(check)
        elif is_answer:
            if check.cause == "deaf":
                self._unheard.was_noise()
            self._end_fruitless_check()

    @property
    def _is_owed(self) -> bool:
        """Whether the recognizer in use may still answer: its text is outstanding, or the caller already speaks in a
        later turn than the one that is checked."""
        return self._unheard.is_speaking if self._pending is None else self._held_answer is None

    def _find_fault(self, check: RecognizerCheck) -> ProviderError:
        name = self._attempts.current.name if self._attempts else ""
        return check.find_fault(name, self._pending.waited_s if self._pending else 0.0)

    def _adopt_check(self, check: RecognizerCheck, error: ProviderError) -> None:
        """Continue with the checking recognizer, because the recognizer in use is deaf, late or gone."""
        self._signals.drop()
        if self._attempts:
            lost = LostRecognizer(self._attempts, self._in_use.detach(), self._in_use.sink, self._pending)
            self._lost.add(lost, error, check.attempts.index, self._stage)
        self._attempts = check.attempts
        self.renew_attempts()
        self._in_use.take_over(check.sink, *check.take())
        self._forget_check()
        self._unheard = UnheardSpeech()
        self._earlier_text = self._final_text
        if self._pending is None:
            self._pending = TextRequest(check.token, check.position)  # if the turn is over, the text is late
        self._await_text(is_learned=False)

    def _take_over_overdue(self, check: RecognizerCheck) -> None:
        """Accept the check's empty answer, because the recognizer in use missed the deadline."""
        if self._pending and self._pending.is_overdue:
            self._adopt_answer(check)

    def _adopt_answer(self, check: RecognizerCheck) -> None:
        """Continue with the checking recognizer and use its earlier answer, if there is one."""
        if check.answer is not None:
            self._adopt_check(check, self._find_fault(check))
            self._take_text(check.answer)

    def _fail_check(self, error: ProviderError | None) -> None:
        """Handle a check that failed to find text.

        Args:
            error: The error of the checking recognizer, after which the next recognizer checks. None if no recognizer
                could be opened.
        """
        if self._check is not None and error is not None and self._check.move_on(error):
            return
        if self._check is not None and self._attempts is not None and error is not None:
            self._check.attempts.lose(error, self._attempts.index, demote=True, stage="final")
        self._unheard.forget()
        self._end_fruitless_check()

    def _end_fruitless_check(self) -> None:
        """End a check after which the recognizer in use continues, unless it has missed its deadline meanwhile."""
        self._release_answer()
        if self._pending and self._pending.is_overdue:
            self._on_deadline()

    def _release_answer(self) -> None:
        """End the check, if there is one. The answer that was held back becomes final."""
        check, held = self._check, self._held_answer
        self._end_check()
        if held is not None and self._pending:
            self._accept_final(held.text, self._pending.position)
            self._sink(held)
        elif check is not None and self._pending is None:
            self._buffer.discard_until(check.position)

    def _end_check(self) -> None:
        if (check := self._check) is not None:
            self._forget_check()
            check.end()

    def _forget_check(self) -> None:
        self._check = self._held_answer = None

    def _clear_pending(self) -> None:
        if self._pending is not None:
            self._pending.stop()
            if self._attempts:
                self._attempts.cease_waiting()
        self._pending = self._held_answer = None

    def _await_text(self, *, is_learned: bool = True) -> None:
        """Start the deadlines of the requested text.

        Args:
            is_learned: The wait counts for this recognizer's usual wait. The wait for replayed audio does not.
        """
        if self._pending is None or self._attempts is None:
            return
        late_s = self._deadlines.late_after(self._attempts.usual_wait) if is_learned else None
        if is_learned:
            self._attempts.await_answer()
        self._pending.watch(late_s, self._on_late, self._deadlines.transcript_s, self._on_deadline)

    def _on_late(self) -> None:
        if self._check is not None:
            self._check.cause = "late"
            if self._check.has_words:
                self._adopt_answer(self._check)
        elif self._pending is not None:
            self._start_check(self._pending, "late")

    def _on_deadline(self) -> None:
        """Replace a slow recognizer if another one is left. A repeated request to the slow recognizer would only add to
        its work."""
        if not (self._attempts and self._attempts.has_other and self._in_use.session is not None and self._pending):
            return
        if self._check is not None:
            self._pending.is_overdue = True
            return self._take_over_overdue(self._check)
        self._switch(ProviderSlow(self._attempts.current.name, f"no final text for {self._deadlines.transcript_s:g} s"))

    @property
    def _stage(self) -> FailureStage:
        return "stream" if self._pending is None else "final"

    def _switch(self, error: ProviderError | None) -> None:
        """Continue with the next recognizer, or reopen the same recognizer if there is no error."""
        check = self._check
        if error is not None and check is not None and check.session is not None and check.is_asked:
            self._adopt_check(check, error)
            if check.answer is not None:
                self._take_text(check.answer)
            return
        self._end_check()
        self._signals.drop()
        self._cleanup.close(self._in_use.detach())
        cost_s = 0.0
        if self._pending is not None:
            self._pending.stop()
            cost_s = self._pending.cost_s
        self._replacement.start(self._replace(error, self._stage, cost_s))

    async def _replace(self, error: ProviderError | None, stage: FailureStage, cost_s: float) -> None:
        attempts = self._attempts or self._candidates.new_attempts()
        self._earlier_text = self._final_text
        try:
            if error is not None:
                attempts.fail_over(error, stage=stage, cost_s=cost_s)
            await self.open(attempts)
        except ProviderError as last:
            self._attempts = None  # no recognizer is in use
            self._sink(SpeechToTextFailed(last))

    def _report_crash(self, error: BaseException) -> None:
        """Report an internal error as a failure, because the call has no recognizer any longer."""
        name, reason = self._attempts.current.name if self._attempts else "", f"internal fault: {type(error).__name__}"
        self._sink(SpeechToTextFailed(ProviderError(name, reason, retryable=False)))

    def _replay(self, opened: OpenedSession) -> None:
        replay_into(opened.session, opened.sink, self._buffer)
        if self._pending and self._in_use.session is opened.session:  # the session may have failed meanwhile
            self._await_text(is_learned=False)
            opened.session.finalize(self._pending.token)
