"""What is read off a request before anybody is asked who sends it."""

from aiohttp import web

from control.http.context import Origin
from shared.errors import Malformed, Problem

ORIGIN = web.RequestKey("origin", Origin)
MOST_AGENT = 300


class TooLarge(Problem):
    """The body is longer than a body may be."""

    status, type, default_code = 413, "invalid_request", "too_large"


def origin_of(request: web.Request) -> Origin:
    """Where the request comes from; noted by the outermost middleware."""
    return request[ORIGIN]


async def read_body(request: web.Request, most: int) -> bytes:
    """The whole body. Raises TooLarge, and Malformed for a body that is no JSON by its own word."""
    if not request.can_read_body:
        return b""
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise Malformed("The body must be application/json.", code="not_json")
    if (request.content_length or 0) > most:
        raise TooLarge(f"The body may have {most} bytes at most.")
    raw = await request.content.read(most + 1)
    while len(raw) <= most and not request.content.at_eof():
        raw += await request.content.read(most + 1 - len(raw))
    if len(raw) > most:
        raise TooLarge(f"The body may have {most} bytes at most.")
    return raw
