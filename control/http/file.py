"""An answer that is a file: whole, a stretch of it (Range), or a link to where it lies."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

# Stretches that are read and sent at a time.
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """What a handler returns for a file. size: bytes. read: a stretch of it, (start, length), piece by piece; called
    after the request's transaction. link: where the file may be fetched without a sign-in for a moment, if anywhere."""

    name: str
    content_type: str
    size: int
    read: Callable[[int, int], AsyncIterator[bytes]]
    link: str = ""


def respond(request: web.Request, file: FileAnswer) -> web.Response:
    """302 with a link; else 200, 206 for a range, 416 for one that lies outside."""
    if file.link:
        return web.Response(status=302, headers={"Location": file.link, "Cache-Control": "no-store"})
    headers = {
        "Content-Type": file.content_type,
        "Content-Disposition": f'inline; filename="{file.name}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
    }
    try:
        asked = request.http_range
    except ValueError:  # no range that we understand counts as none (RFC 9110, 14.2)
        asked = slice(None, None, 1)
    if asked.start is None and asked.stop is None:
        return _sent(file, 0, file.size, 200, headers)
    start, stop, _ = asked.indices(file.size)
    if start >= stop:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{file.size}"})
    return _sent(file, start, stop - start, 206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{file.size}"})


def _sent(file: FileAnswer, start: int, length: int, status: int, headers: dict[str, str]) -> web.Response:
    body = file.read(start, length) if length else b""
    return web.Response(status=status, body=body, headers=headers | {"Content-Length": str(length)})
