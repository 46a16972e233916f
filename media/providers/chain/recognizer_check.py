"""A recognizer that gave no text for speech, or is late with it, is checked by the next one, which hears the same audio
beside it."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from media.providers.chain.audio_meter import AudioMeter
from media.providers.chain.candidates import Attempts
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.recognizer_session import OpenedSession, SessionCleanup, SessionOpener, SessionSink
from media.providers.chain.replay_buffer import ReplayBuffer, replay_into
from media.providers.chain.text_request import TextRequest
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import ProviderError, ProviderSlow, RecognizedText, SpeechToText, SpeechToTextSession
from media.providers.usage import UsageMeter

CheckCause = Literal["deaf", "late"]


class RecognizerCheck:
    """The checking session, from the moment it is wanted. attempts: at the recognizers after the one in use. token,
    position: of the text that is asked for. session, sink: None until it is open. is_asked: it has the audio so far.
    cause: why the one in use is checked. answer: of the check, kept while the one in use may still answer.

    checked: index of the recognizer that is checked. on_error: it failed, or gave no text in time; None: no recognizer
    could be opened, which is reported already.
    """

    def __init__(
        self,
        attempts: Attempts[SpeechToText],
        request: TextRequest,
        *,
        cause: CheckCause,
        checked: int,
        buffer: ReplayBuffer,
        meters: Sequence[UsageMeter],
        deadlines: Deadlines,
        cleanup: SessionCleanup,
        opener: SessionOpener,
        on_error: Callable[[ProviderError | None], None],
    ) -> None:
        self.attempts = attempts
        self.token, self.position = request.token, request.position
        self.cause = cause
        self.answer: RecognizedText | None = None
        self.session: SpeechToTextSession | None = None
        self.sink: SessionSink | None = None
        self.is_asked = False
        self._checked = checked
        self._buffer = buffer
        self._meters = meters
        self._deadlines = deadlines
        self._cleanup = cleanup
        self._opener = opener
        self._on_error = on_error
        self._meter: AudioMeter | None = None
        self._deadline: DeadlineTimer | None = None
        self._task = self._start()

    @property
    def has_words(self) -> bool:
        """Whether its answer has words."""
        return self.answer is not None and bool(self.answer.text.strip())

    def finalize(self, token: int, position: int) -> None:
        """Asks for a further text in place of the one before."""
        self.token, self.position = token, position
        self.answer = None
        if self.session is not None and self.is_asked:
            self._ask(self.session)

    def find_fault(self, name: str, waited_s: float) -> ProviderError:
        """What is wrong with the recognizer that is checked, if this one takes over. name: its name."""
        if self.cause == "deaf":
            return ProviderError(name, "no text for speech that another one understood", cause="deaf")
        return ProviderSlow(name, f"no final text for {waited_s:.2g} s, another one gave it")

    def take(self) -> tuple[SpeechToTextSession | None, AudioMeter | None]:
        """Hands the session and its meter over; nothing else of the check goes on."""
        self._task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        taken = self.session, self._meter
        self.session = self.sink = self._meter = None
        self.is_asked = False
        return taken

    def end(self) -> None:
        """Ends the check, and closes its session in the background."""
        self._stop()
        self.attempts.release()

    def reopen(self) -> None:
        """Opens its recognizer anew, in the language that the call is in now, and asks it again."""
        self._stop()
        self.answer = None
        self._task = self._start()

    def move_on(self, error: ProviderError) -> bool:
        """Goes on with the recognizer after this one, which has failed; False when there is none."""
        if not self.attempts.has_other:
            return False
        self._stop()
        self.attempts.fail_over(error, self._checked, stage="final")
        self._task = self._start()
        return True

    def _stop(self) -> None:
        self._cleanup.add(self._task)
        is_refused = self.sink is not None and self.sink.is_refused
        session, meter = self.take()
        if meter is not None:
            meter.stop(is_billed=not is_refused)
        self._cleanup.close(session)

    def _start(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run())
        task.add_done_callback(self._report_crash)
        return task

    def _report_crash(self, task: asyncio.Task[None]) -> None:
        """After an internal error of the check the call goes on as if there were no other recognizer."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            context = {"message": "a recognizer crashed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            self._on_error(None)

    async def _run(self) -> None:
        opened = await self._open()
        if opened is None:
            self._on_error(None)
            return
        session = self.session = opened.session
        self.sink = opened.sink
        self._meter = AudioMeter(self._meters[self.attempts.index], self._buffer)
        replay_into(session, opened.sink, self._buffer)
        if self.session is session:  # it may have failed meanwhile
            self.is_asked = True
            self._ask(session)

    async def _open(self) -> OpenedSession | None:
        """Opens the next recognizer that can be reached; None when there is none."""
        try:
            return await self._opener.open(self.attempts, self._checked)
        except ProviderError:
            return None

    def _ask(self, session: SpeechToTextSession) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        limit_s = self._deadlines.check_limit(has_other=self.attempts.has_other)
        self._deadline = DeadlineTimer(limit_s, partial(self._expire, limit_s))
        session.finalize(self.token)

    def _expire(self, limit_s: float) -> None:
        if self.answer is None:  # one without words is kept until the other one's deadline
            self._on_error(ProviderSlow(self.attempts.current.name, f"no final text for {limit_s:g} s"))
