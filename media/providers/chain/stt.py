"""Fallback between recognisers: audio that was not transcribed yet is replayed to the next one."""

import asyncio
from collections.abc import Callable, Sequence

from media.providers.chain.audio_meter import AudioMeter
from media.providers.chain.candidates import Attempts, Candidates, OnProviderFailed
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.out_of_service import leaving_error
from media.providers.chain.recogniser_check import RecogniserCheck
from media.providers.chain.replay_buffer import ReplayBuffer, replay_into
from media.providers.chain.unheard_speech import UnheardSpeech
from media.providers.cleanup import close_within
from media.providers.health import ChainHealth
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognisedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
)
from media.providers.usage import UsageMeter, discarding_meters


class SpeechToTextChain:
    """SpeechToText over a list of recognisers in order of preference. meters: one for each recogniser."""

    def __init__(
        self,
        recognisers: Sequence[SpeechToText],
        on_failed: OnProviderFailed,
        deadlines: Deadlines | None = None,
        *,
        meters: Sequence[UsageMeter] = (),
        health: ChainHealth | None = None,
    ) -> None:
        self._deadlines = deadlines or Deadlines()
        self._candidates: Candidates[SpeechToText] = Candidates(
            "stt", recognisers, on_failed, self._deadlines.demotion_s, health
        )
        self._meters = meters or discarding_meters("stt", (recogniser.name for recogniser in recognisers))
        self.name = recognisers[0].name

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Opens the first recogniser that can be reached. Raises the last ProviderError when none can."""
        session = _Session(self._candidates, language, sink, deadlines=self._deadlines, meters=self._meters)
        attempts = self._candidates.new_attempts()
        try:
            await session.open(attempts)
        finally:  # also if the call ends meanwhile
            attempts.release()
        session.renew_attempts()
        session.watch_service()
        return session


class _SessionSink:
    """The sink of one recogniser's session; the chain ignores its events once another recogniser took over."""

    def __init__(self, session: "_Session") -> None:
        self._session = session
        self.error: ProviderError | None = None

    def __call__(self, event: SpeechToTextEvent) -> None:
        if isinstance(event, SpeechToTextFailed):
            self.error = event.error
        self._session.handle(self, event)


class _Session:
    """One caller's session. Each recogniser is tried at most once between two final texts."""

    def __init__(
        self,
        candidates: Candidates[SpeechToText],
        language: str,
        sink: SpeechToTextSink,
        *,
        deadlines: Deadlines,
        meters: Sequence[UsageMeter],
    ) -> None:
        self._candidates = candidates
        self._language = language
        self._sink = sink
        self._deadlines = deadlines
        self._meters = meters
        self._loop = asyncio.get_running_loop()
        self._buffer = ReplayBuffer()
        self._session_sink: _SessionSink | None = None
        self._attempts: Attempts[SpeechToText] | None = None
        self._session: SpeechToTextSession | None = None  # None while another recogniser is being opened
        self._audio_meter: AudioMeter | None = None  # of that session
        self._switch_task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()  # sessions that have failed
        self._earlier_text = ""  # this turn's text from recognisers that have failed since
        self._final_text = ""  # this turn's text up to where the replay buffer begins
        self._pending: tuple[int, int] | None = None  # token and position of the unanswered `finalise`
        self._deadline: asyncio.TimerHandle | None = None
        self._speech_heard = False  # in this turn: text without it may be noise
        self._unheard = UnheardSpeech()
        self._check: RecogniserCheck | None = None  # of the one in use, whose answers are held back
        self._check_sink: _SessionSink | None = None
        self._held_answer: RecognisedText | None = None
        self._unwatch: Callable[[], None] = lambda: None

    async def open(self, attempts: Attempts[SpeechToText]) -> None:
        """Opens the next recogniser that can be reached. Raises ProviderError when none is left."""
        self._attempts = attempts
        while True:
            sink = self._session_sink = _SessionSink(self)
            try:
                session = await self._open_session(attempts.current, sink)
                break
            except ProviderError as error:
                attempts.fail_over(error)
        self._session = session
        self._audio_meter = AudioMeter(self._meters[attempts.index], self._buffer)
        self._replay(session)

    def renew_attempts(self) -> None:
        """When the recogniser in use fails, every recogniser may be tried again. That it could be opened proves nothing
        of its health."""
        if self._attempts:
            self._attempts.release()
            self._attempts = self._candidates.new_attempts(self._attempts.index)
            self._leave_service()

    def watch_service(self) -> None:
        """From now on, moves the session when its recogniser is taken out of service: at once, also within a turn,
        because what has no final text yet is replayed."""
        self._unwatch = self._candidates.health.watch_service(self._leave_service)

    def _leave_service(self) -> None:
        error = leaving_error(self._candidates.health, self._attempts)
        if error is not None and self._session is not None:
            self._switch(error)

    def push(self, ulaw: bytes) -> None:
        self._buffer.push(ulaw)
        if self._session is not None:
            self._session.push(ulaw)
        if self._check is not None and self._check.session is not None:
            self._check.session.push(ulaw)

    def started(self) -> None:
        self._buffer.mark_speech_start()
        self._unheard.started(self._buffer.end)
        self._speech_heard = True
        if self._session is not None:
            self._session.started()
        if self._check is not None and self._check.session is not None:
            self._check.session.started()

    def finalise(self, token: int) -> None:
        self._clear_pending()
        self._pending = token, self._buffer.end
        self._unheard.asked(self._buffer.end)
        if self._session is not None:
            self._session.finalise(token)
            self._start_deadline()
        if self._check is not None:
            self._check.finalise(*self._pending)

    def next_turn(self) -> None:
        if self._pending and self._check is None:  # what is being checked may still be understood
            self._buffer.discard_until(self._pending[1])
        self._clear_pending()
        self._unheard.drop()
        self._speech_heard = False
        self._earlier_text = self._final_text = ""
        if self._session is not None:
            self._session.next_turn()

    async def close(self) -> None:
        self._unwatch()
        self._session_sink = None
        self._end_check()
        self._clear_pending()
        if self._switch_task is not None:
            self._switch_task.cancel()
            await asyncio.gather(self._switch_task, return_exceptions=True)
        if self._attempts:
            self._attempts.release()
        self._close_later(self._detach_session())
        await asyncio.gather(*self._closing, return_exceptions=True)

    def handle(self, sink: _SessionSink, event: SpeechToTextEvent) -> None:
        """Handles a recogniser's event; ignores one that was replaced or is still being opened."""
        if self._check is not None and sink is self._check_sink:
            self._judge(self._check, event)
        elif sink is not self._session_sink or self._session is None:
            pass
        elif isinstance(event, SpeechToTextFailed):
            self._switch(event.error)
        else:
            self._take_text(event)

    def _take_text(self, event: RecognisedText) -> None:
        if self._speech_heard and self._attempts and event.text.strip():
            self._attempts.mark_useful()
        text = f"{self._earlier_text} {event.text}".strip() if self._earlier_text else event.text
        found = RecognisedText(text, event.final, event.token)
        is_new = bool(text.strip()) and text != self._final_text
        if is_new:
            self._unheard.understood()
            self._release_answer()
        if event.final and self._pending and event.token == self._pending[0]:
            self._unheard.answered(is_new=is_new)
            if self._hold_back(found, self._pending):
                return
            self._accept_final(text, self._pending[1])
        self._sink(found)

    def _hold_back(self, answer: RecognisedText, request: tuple[int, int]) -> bool:
        """Whether the answer waits for a check, which is started if it is due."""
        if self._check is None and self._unheard.is_doubtful:
            self._start_check(request)
        if self._check is None:
            return False
        self._cancel_deadline()
        self._held_answer = answer
        return True

    def _accept_final(self, text: str, position: int) -> None:
        self._clear_pending()
        self._final_text = text
        self._buffer.discard_until(position)
        if self._attempts:
            self._attempts.succeed()
            self.renew_attempts()

    def _start_check(self, request: tuple[int, int]) -> None:
        """Lets the next recogniser, if there is one, hear what this one gave no text for."""
        if self._attempts is None or not self._attempts.has_other:
            return
        self._check = RecogniserCheck(
            self._attempts.split(),
            request,
            buffer=self._buffer,
            meters=self._meters,
            in_use=self._attempts.index,
            open_session=self._open_check,
            answer_s=self._deadlines.transcript_s,
            on_error=self._fail_check,
        )
        self._check.task.add_done_callback(self._report_crashed_check)

    async def _open_check(self, stt: SpeechToText) -> SpeechToTextSession:
        sink = _SessionSink(self)
        session = await self._open_session(stt, sink)
        self._check_sink = sink
        return session

    def _judge(self, check: RecogniserCheck, event: SpeechToTextEvent) -> None:
        """Takes an event of the check."""
        if isinstance(event, SpeechToTextFailed):
            self._fail_check(event.error)
        elif event.text.strip() and check.is_asked:
            self._adopt_check(check)
            self._take_text(event)
        elif event.final and event.token == check.token:
            self._unheard.was_noise()
            self._release_answer()

    def _adopt_check(self, check: RecogniserCheck) -> None:
        """The recogniser in use is deaf: goes on with the one that understood."""
        self._close_later(self._detach_session())
        if self._attempts:
            error = ProviderError(self._attempts.current.name, "no text for speech that another one understood")
            self._attempts.lose(error, check.attempts.index, demote=True)
        self._attempts = check.attempts
        self.renew_attempts()
        self._session_sink = self._check_sink
        self._session, self._audio_meter = check.take()
        self._forget_check()
        self._unheard = UnheardSpeech()
        self._earlier_text = self._final_text
        self._cancel_deadline()
        self._pending = self._pending or (check.token, check.position)  # its turn may be over: then it is late text
        self._start_deadline()

    def _fail_check(self, error: ProviderError | None) -> None:
        """The check found nothing out. error: to be reported."""
        if self._check is not None and self._attempts is not None and error is not None:
            self._check.attempts.lose(error, self._attempts.index, demote=True)
        self._unheard.forget()
        self._release_answer()

    def _report_crashed_check(self, task: asyncio.Task[None]) -> None:
        """After an internal error of the check the call goes on as if there were no other recogniser."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler({"message": "a recogniser crashed", "exception": error})
            self._fail_check(None)

    def _release_answer(self) -> None:
        """Ends the check, if any; the answer that was held back stands."""
        check, held = self._check, self._held_answer
        self._end_check()
        if held is not None and self._pending:
            self._accept_final(held.text, self._pending[1])
            self._sink(held)
        elif check is not None and self._pending is None:
            self._buffer.discard_until(check.position)

    def _end_check(self) -> None:
        check = self._check
        if check is not None:
            self._forget_check()
            self._await_later(check.task)
            self._close_later(check.end())

    def _forget_check(self) -> None:
        self._check = self._check_sink = self._held_answer = None

    def _clear_pending(self) -> None:
        self._pending = self._held_answer = None
        self._cancel_deadline()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _start_deadline(self) -> None:
        self._deadline = self._loop.call_later(self._deadlines.transcript_s, self._on_deadline)

    def _on_deadline(self) -> None:
        """Replaces a slow recogniser if another one is left; asking the same one again would only add to its work."""
        self._deadline = None
        if self._attempts and self._attempts.has_other and self._session is not None:
            limit = self._deadlines.transcript_s
            self._switch(ProviderSlow(self._attempts.current.name, f"no final text for {limit:g} s"))

    def _switch(self, error: ProviderError) -> None:
        self._end_check()
        self._close_later(self._detach_session())
        if self._deadline is not None:
            self._deadline.cancel()
        self._switch_task = asyncio.create_task(self._replace(error))
        self._switch_task.add_done_callback(self._report_crash)

    def _close_later(self, session: SpeechToTextSession | None) -> None:
        """Closes a session in a task of its own: neither the next recogniser waits for it, nor does it end with the
        switch."""
        if session is not None:
            self._await_later(asyncio.create_task(close_within(session.close())))

    def _await_later(self, task: asyncio.Task[None]) -> None:
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _detach_session(self) -> SpeechToTextSession | None:
        """Sends no more audio to the session in use, if any, and returns it."""
        session, self._session = self._session, None
        if self._audio_meter is not None:
            self._audio_meter.stop()
            self._audio_meter = None
        return session

    async def _replace(self, error: ProviderError) -> None:
        attempts = self._attempts or self._candidates.new_attempts()
        self._earlier_text = self._final_text
        try:
            attempts.fail_over(error)
            await self.open(attempts)
        except ProviderError as last:
            self._sink(SpeechToTextFailed(last))

    def _report_crash(self, switch: asyncio.Task[None]) -> None:
        """After an internal error the call must learn that nothing will be recognised."""
        error = None if switch.cancelled() else switch.exception()
        if error is not None:
            name = self._attempts.current.name if self._attempts else ""
            failure = ProviderError(name, f"internal fault: {type(error).__name__}", retryable=False)
            self._loop.call_exception_handler({"message": "a recogniser crashed", "exception": error})
            self._sink(SpeechToTextFailed(failure))

    async def _open_session(self, stt: SpeechToText, sink: _SessionSink) -> SpeechToTextSession:
        """Opens a session. Raises ProviderError, also for a failure that the session reports while it opens."""
        limit = self._deadlines.open_s
        try:
            async with asyncio.timeout(limit):
                session = await stt.open(self._language, sink)
        except TimeoutError as error:
            raise ProviderSlow(stt.name, f"not open within {limit:g} s") from error
        if sink.error is not None:
            await close_within(session.close())
            raise sink.error
        return session

    def _replay(self, session: SpeechToTextSession) -> None:
        replay_into(session, self._buffer)
        if self._pending and self._session is session:  # it may have failed meanwhile
            session.finalise(self._pending[0])
            self._start_deadline()
