"""The text of one speech as it arrives, kept so that another voice can go on from any character of it."""

import asyncio
from collections.abc import AsyncIterator

from media.providers.chain.debt import Debt, is_speakable


class Script:
    """Reads the text in a task of its own: a voice may be cancelled at any moment without hurting the text's source."""

    def __init__(self, text: AsyncIterator[str]) -> None:
        self.text = ""
        self.pieces: list[tuple[int, str]] = []  # offset in `text`, text
        self.ended = False
        self._debt: Debt | None = None
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read(text))

    async def wait(self, known: int) -> bool:
        """Waits for more than `known` pieces; False when there will be none."""
        while len(self.pieces) <= known and not self.ended:
            self._news.clear()
            await self._news.wait()
        return len(self.pieces) > known

    async def speakable(self, start: int) -> bool:
        """Waits for something that can be spoken at or after the character `start`; False when there is nothing."""
        known = len(self.pieces)
        while not is_speakable(self.text[start:]):
            if not await self.wait(known):
                return False
            known = len(self.pieces)
        return True

    def owe(self, debt: Debt, start: int) -> None:
        """From now on the text from the character `start` on, and all that follows, is on this account."""
        self._debt = debt
        debt.gave(self.text[start:])
        if self.ended:
            debt.gave_all()

    def check(self) -> None:
        """Raises whatever ended the text before its end."""
        if self._reader.done():
            self._reader.result()

    async def close(self) -> None:
        """Stops reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self, text: AsyncIterator[str]) -> None:
        try:
            async for piece in text:
                self._take(piece)
        finally:
            self.ended = True
            self._news.set()
            if self._debt:
                self._debt.gave_all()

    def _take(self, piece: str) -> None:
        self.pieces.append((len(self.text), piece))
        self.text += piece
        self._news.set()
        if self._debt:
            self._debt.gave(piece)


class Reading:
    """One voice's view of the script, from the character `start` on.

    handed: the character up to which the voice has taken the text. finished: it has seen the end of it.
    """

    def __init__(self, script: Script, start: int) -> None:
        self._script = script
        self._start = start
        self._next = 0
        self.handed = start
        self.finished = False

    def __aiter__(self) -> "Reading":
        return self

    async def __anext__(self) -> str:
        while await self._script.wait(self._next):
            offset, piece = self._script.pieces[self._next]
            self._next += 1
            end = offset + len(piece)
            if offset >= self._start or end > self._start:
                self.handed = max(self.handed, end)
                return piece[max(0, self._start - offset) :]
        self.finished = True
        raise StopAsyncIteration
