"""Files that the API sends, read part by part."""

from collections.abc import AsyncIterator, Iterator
from os import PathLike, fspath, replace

import httpx

from .settings import connection_error


class FileDownload:
    """A file while it arrives. content_type: such as `audio/wav`. size: its bytes, if the API tells them."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.content_type, self.size = _describe(response)

    def iter_bytes(self) -> Iterator[bytes]:
        """Its parts as they come. Raises ConnectionFailed if it breaks off."""
        try:
            yield from self._response.iter_bytes()
        except httpx.RequestError as error:
            raise connection_error(error) from error

    def read(self) -> bytes:
        """The whole file in memory. Raises ConnectionFailed."""
        return b"".join(self.iter_bytes())

    def save(self, path: str | PathLike[str]) -> int:
        """Writes it to a file and returns its bytes. Until it is whole, its name has `.part` at the end. Raises
        ConnectionFailed, and OSError."""
        unfinished = f"{fspath(path)}.part"
        with open(unfinished, "wb") as file:
            size = sum(file.write(part) for part in self.iter_bytes())
        replace(unfinished, path)
        return size


class AsyncFileDownload:
    """A file while it arrives. content_type: such as `audio/wav`. size: its bytes, if the API tells them."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.content_type, self.size = _describe(response)

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Its parts as they come. Raises ConnectionFailed if it breaks off."""
        try:
            async for part in self._response.aiter_bytes():
                yield part
        except httpx.RequestError as error:
            raise connection_error(error) from error

    async def read(self) -> bytes:
        """The whole file in memory. Raises ConnectionFailed."""
        return b"".join([part async for part in self.iter_bytes()])


def _describe(response: httpx.Response) -> tuple[str, int | None]:
    length = response.headers.get("Content-Length", "")
    return response.headers.get("Content-Type", ""), int(length) if length.isdecimal() else None
