"""A second recognizer that processes the same audio if the recognizer in use gave no text for speech or is late."""

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
    """The checking session, from the moment when it is needed.

    Args:
        checked: The index of the recognizer that is checked.
        on_error: Called if the checking recognizer fails or gives no text in time. The argument is None if no
            recognizer could be opened, which is already reported.

    Attributes:
        attempts: The attempts at the recognizers after the one in use.
        token: The token of the requested text.
        position: The end of the audio whose text is requested.
        session: The open session, or None.
        sink: The sink of the open session, or None.
        is_asked: Whether the session has received the audio so far and the request for its text.
        cause: Why the recognizer in use is checked.
        answer: The check's answer, which is kept while the recognizer in use may still answer.
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
        """Whether the answer has words."""
        return self.answer is not None and bool(self.answer.text.strip())

    def finalize(self, token: int, position: int) -> None:
        """Request another text in place of the previous one."""
        self.token, self.position = token, position
        self.answer = None
        if self.session is not None and self.is_asked:
            self._ask(self.session)

    def find_fault(self, name: str, waited_s: float) -> ProviderError:
        """Return the error of the checked recognizer, for the case that this one takes over.

        Args:
            name: The name of the checked recognizer.
        """
        if self.cause == "deaf":
            return ProviderError(name, "no text for speech that another recognizer understood", cause="deaf")
        return ProviderSlow(name, f"no final text for {waited_s:.2g} s; another recognizer returned it")

    def take(self) -> tuple[SpeechToTextSession | None, AudioMeter | None]:
        """Return the session and its meter, and end the rest of the check."""
        self._task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        taken = self.session, self._meter
        self.session = self.sink = self._meter = None
        self.is_asked = False
        return taken

    def end(self) -> None:
        """End the check, and close its session in the background."""
        self._stop()
        self.attempts.release()

    def reopen(self) -> None:
        """Reopen the recognizer in the call's current language, and request the text again."""
        self._stop()
        self.answer = None
        self._task = self._start()

    def move_on(self, error: ProviderError) -> bool:
        """Continue with the next recognizer, because this one failed. Return False if there is none."""
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
        """Report an internal error. The call continues as if there were no other recognizer."""
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
        if self.session is session:  # the session may have failed meanwhile
            self.is_asked = True
            self._ask(session)

    async def _open(self) -> OpenedSession | None:
        """Open the next recognizer that can be reached. Return None if there is none."""
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
        if self.answer is None:  # an empty answer is kept until the other recognizer's deadline
            self._on_error(ProviderSlow(self.attempts.current.name, f"no final text for {limit_s:g} s"))
