"""Returns a call to a preferred recognizer, some time after that recognizer failed."""

import asyncio
from typing import Any

from media.providers.chain.candidates import Attempts
from media.providers.chain.chained_session import ChainedSession
from media.providers.chain.recognizer_session import OpenedSession
from media.providers.ports import ProviderError, SpeechToText


class ReturningSession(ChainedSession):
    """A chained session that can return to a preferred recognizer.

    At the end of a turn, the preferred recognizer is opened beside the one in use if it may be used again
    (`Candidates.begin_return`). It takes over when it is open, unless the caller is speaking by then; the end of the
    next turn is another chance. Nothing is lost, because audio without a final text is replayed.
    """

    __slots__ = ("_returning",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._returning: asyncio.Task[None] | None = None

    def next_turn(self) -> None:
        super().next_turn()
        if self._attempts is None or self._returning is not None or not self._is_between_turns:
            return
        attempts = self._candidates.begin_return(self._attempts.index)
        if attempts is not None:
            self._returning = asyncio.create_task(self._return(attempts, self._attempts.index))

    async def close(self) -> None:
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.gather(self._returning, return_exceptions=True)
        await super().close()

    @property
    def _is_between_turns(self) -> bool:
        """Whether the recognizer in use owes no text, and the caller is silent."""
        is_idle = self._pending is None and self._check is None and self._in_use.session is not None
        return is_idle and not self._speech_heard and not self._unheard.is_speaking

    async def _return(self, attempts: Attempts[SpeechToText], used: int) -> None:
        language = self._opener.language
        try:
            opened = await self._opener.open(attempts, used)
            if opened.sink.error is not None:
                self._cleanup.close(opened.session)
                attempts.fail_over(opened.sink.error, used, stage="connect")
            elif self._is_between_turns and language == self._opener.language:
                self._use(attempts, opened)
            else:
                self._cleanup.close(opened.session)
        except ProviderError:
            pass  # already reported
        finally:
            self._returning = None
            if attempts is not self._attempts:
                attempts.release()

    def _use(self, attempts: Attempts[SpeechToText], opened: OpenedSession) -> None:
        self._signals.drop()
        self._cleanup.close(self._in_use.detach())
        if self._attempts is not None:
            self._attempts.release()
        self._attempts = attempts
        self._in_use.begin(opened, attempts.index)
        self._replay(opened)
        self.renew_attempts()
