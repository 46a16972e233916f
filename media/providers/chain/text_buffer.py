"""The text of one speech as it arrives, kept so that another voice can continue from any character."""

import asyncio
from collections.abc import AsyncIterator

from media.providers.chain.audio_deadline import AudioDeadline, is_speakable


class TextBuffer:
    """Reads the text in its own task, so that canceling a voice does not cancel the text's source."""

    def __init__(self, text: AsyncIterator[str]) -> None:
        self.text = ""
        self.pieces: list[tuple[int, str]] = []  # offset in `text`, text
        self.ended = False
        self._deadlines: list[AudioDeadline] = []  # deadlines of the voices that read the text
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(text))

    async def wait_for_piece(self, known: int) -> bool:
        """Wait for more than `known` pieces. Return False if the text ended."""
        while len(self.pieces) <= known and not self.ended:
            self._changed.clear()
            await self._changed.wait()
        return len(self.pieces) > known

    async def wait_for_speakable(self, start: int) -> bool:
        """Wait for speakable text at or after the character `start`. Return False if the text ended without any."""
        known = len(self.pieces)
        while not is_speakable(self.text[start:]):
            if not await self.wait_for_piece(known):
                return False
            known = len(self.pieces)
        return True

    def attach(self, deadline: AudioDeadline, start: int) -> None:
        """Report the text from the character `start` on, and all further text, to this deadline."""
        self._deadlines.append(deadline)
        deadline.add_text(self.text[start:])
        if self.ended:
            deadline.end_text()

    def detach(self, deadline: AudioDeadline) -> None:
        """Report no more text to this deadline, because its voice has ended."""
        self._deadlines.remove(deadline)

    def raise_source_error(self) -> None:
        """Raise the error that ended the text early, if there is one."""
        if self._reader.done():
            self._reader.result()

    async def close(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self, text: AsyncIterator[str]) -> None:
        try:
            async for piece in text:
                self._append(piece)
        finally:
            self.ended = True
            self._changed.set()
            for deadline in self._deadlines:
                deadline.end_text()

    def _append(self, piece: str) -> None:
        self.pieces.append((len(self.text), piece))
        self.text += piece
        self._changed.set()
        for deadline in self._deadlines:
            deadline.add_text(piece)


class TextReader:
    """One voice's iterator over a TextBuffer, from the character `start` on.

    Attributes:
        position: The offset up to which the voice has read.
        finished: Whether the voice has read to the end.
    """

    def __init__(self, buffer: TextBuffer, start: int) -> None:
        self._buffer = buffer
        self._start = start
        self._next = 0
        self.position = start
        self.finished = False

    @property
    def read_characters(self) -> int:
        """The number of characters that the voice has read."""
        return self.position - self._start

    def __aiter__(self) -> "TextReader":
        return self

    async def __anext__(self) -> str:
        while await self._buffer.wait_for_piece(self._next):
            offset, piece = self._buffer.pieces[self._next]
            self._next += 1
            end = offset + len(piece)
            if offset >= self._start or end > self._start:
                self.position = max(self.position, end)
                return piece[max(0, self._start - offset) :]
        self.finished = True
        raise StopAsyncIteration
