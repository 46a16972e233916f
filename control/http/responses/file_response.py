"""A file as a response: the whole file, a byte range, or a redirect to its location."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

# Number of bytes that are read and sent at a time.
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileResponse:
    """A file as a handler's result.

    Attributes:
        size: Size in bytes.
        read: Yields the chunks of (start, length). Called after the request's transaction.
        link: A short-lived URL that needs no sign-in. Empty if there is none.
    """

    name: str
    content_type: str
    size: int
    read: Callable[[int, int], AsyncIterator[bytes]]
    link: str = ""


def make_file_response(request: web.Request, file: FileResponse) -> web.Response:
    """Return 302 with a link; otherwise 200, 206 for a range, or 416 for a range outside of the file."""
    if file.link:
        return web.Response(status=302, headers={"Location": file.link, "Cache-Control": "no-store"})
    headers = {
        "Content-Type": file.content_type,
        "Content-Disposition": f'inline; filename="{file.name}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
    }
    try:
        requested = request.http_range
    except ValueError:  # an invalid range is ignored (RFC 9110, section 14.2)
        requested = slice(None, None, 1)
    if requested.start is None and requested.stop is None:
        return _stream(file, 0, file.size, 200, headers)
    start, stop, _ = requested.indices(file.size)
    if start >= stop:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{file.size}"})
    return _stream(file, start, stop - start, 206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{file.size}"})


def _stream(file: FileResponse, start: int, length: int, status: int, headers: dict[str, str]) -> web.Response:
    body = file.read(start, length) if length else b""
    return web.Response(status=status, body=body, headers=headers | {"Content-Length": str(length)})
