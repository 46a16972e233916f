"""A ZIP archive that is produced piece by piece, so that neither memory nor disk holds the whole archive."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo


class _Sink:
    """Buffers the archive's output until it is yielded.

    It cannot seek, so the archive writes sizes after the entries.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class ZipStream:
    """A ZIP archive to which entries are added one after the other. Each method returns the bytes that are ready.

    Args:
        at: The modification time of the entries.
    """

    def __init__(self, at: datetime) -> None:
        self._sink = _Sink()
        self._archive = ZipFile(self._sink, "w", allowZip64=True)  # type: ignore[call-overload]  # no seek is needed
        self._at = (at.year, at.month, at.day, at.hour, at.minute, at.second)

    async def add(self, name: str, chunks: AsyncIterator[bytes], *, is_compressed: bool = True) -> AsyncIterator[bytes]:
        """Add an entry, and yield the archive's bytes.

        Args:
            is_compressed: False for audio, which hardly shrinks. Compression runs in a thread.
        """
        info = ZipInfo(name, self._at)
        info.compress_type = ZIP_DEFLATED if is_compressed else ZIP_STORED
        with self._archive.open(info, "w", force_zip64=True) as entry:
            async for chunk in chunks:
                await asyncio.to_thread(entry.write, chunk)
                if data := self._sink.take():
                    yield data
        if data := self._sink.take():
            yield data

    def finish(self) -> bytes:
        """Return the archive's central directory, which ends the file."""
        self._archive.close()
        return self._sink.take()
