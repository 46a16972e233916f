"""A recogniser that gave no text for speech, or is late with it, is checked by the next one, which hears the same audio
beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from media.providers.chain.audio_meter import AudioMeter
from media.providers.chain.candidates import Attempts
from media.providers.chain.replay_buffer import ReplayBuffer, replay_into
from media.providers.ports import ProviderError, ProviderSlow, RecognisedText, SpeechToText, SpeechToTextSession
from media.providers.usage import UsageMeter

OpenSession = Callable[[Attempts[SpeechToText]], Awaitable[SpeechToTextSession]]


class RecogniserCheck:
    """The checking session, from the moment it is wanted. attempts: at the recognisers after the one in use. token,
    position: of the text that is asked for. session: None until it is open. is_asked: it has the audio so far. cause:
    why the one in use is checked. answer: of the check of a late one, without words.

    in_use: index of the recogniser that is checked. open_session: opens one, whose events go where the owner judges
    them. on_error: it failed, or gave no text within answer_s; None: no recogniser could be opened, which is reported
    already.
    """

    def __init__(
        self,
        attempts: Attempts[SpeechToText],
        request: tuple[int, int],
        *,
        cause: Literal["deaf", "late"],
        buffer: ReplayBuffer,
        meters: Sequence[UsageMeter],
        in_use: int,
        open_session: OpenSession,
        answer_s: float,
        on_error: Callable[[ProviderError | None], None],
    ) -> None:
        self.attempts = attempts
        self.token, self.position = request
        self.cause = cause
        self.answer: RecognisedText | None = None
        self.session: SpeechToTextSession | None = None
        self._buffer = buffer
        self._meters = meters
        self.is_asked = False
        self._in_use = in_use
        self._open_session = open_session
        self._answer_s = answer_s
        self._on_error = on_error
        self._meter: AudioMeter | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.task = asyncio.create_task(self._run())

    def finalise(self, token: int, position: int) -> None:
        """Asks for a further text in place of the one before."""
        self.token, self.position = token, position
        self.answer = None
        if self.session is not None and self.is_asked:
            self._ask(self.session)

    def take(self) -> tuple[SpeechToTextSession | None, AudioMeter | None]:
        """Hands the session and its meter over; nothing else of the check goes on."""
        self.task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        taken = self.session, self._meter
        self.session = self._meter = None
        return taken

    def end(self) -> SpeechToTextSession | None:
        """Ends the check; returns the session that has to be closed."""
        session, meter = self.take()
        if meter is not None:
            meter.stop()
        self.attempts.release()
        return session

    async def _run(self) -> None:
        session = await self._open()
        if session is None:
            self._on_error(None)
            return
        self.session = session
        self._meter = AudioMeter(self._meters[self.attempts.index], self._buffer)
        replay_into(session, self._buffer)
        if self.session is session:  # it may have failed meanwhile
            self.is_asked = True
            self._ask(session)

    async def _open(self) -> SpeechToTextSession | None:
        """Opens the next recogniser that can be reached; None when there is none."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                return await self._open_session(self.attempts)
            except ProviderError as error:
                try:
                    self.attempts.fail_over(error, self._in_use, stage="connect", cost_s=clock() - began)
                except ProviderError:
                    return None

    def _ask(self, session: SpeechToTextSession) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(self._answer_s, self._expire)
        session.finalise(self.token)

    def _expire(self) -> None:
        self._on_error(ProviderSlow(self.attempts.current.name, f"no final text for {self._answer_s:g} s"))
