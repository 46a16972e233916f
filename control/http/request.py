"""What is read off a request before anybody is asked who sends it."""

import asyncio

from aiohttp import web

from control.http.context import Context, Origin
from shared.errors import Malformed, Problem

ORIGIN = web.RequestKey("origin", Origin)
# Who asked, once that is known: for the access log.
CALLER = web.RequestKey("caller", Context)
MOST_AGENT = 300


class TooLarge(Problem):
    """The body is longer than a body may be."""

    status, type, default_code = 413, "invalid_request", "too_large"


class TooSlow(Problem):
    """The body did not come within the time a body may take."""

    status, type, default_code = 408, "invalid_request", "too_slow"


class NotJson(Problem):
    """The body is something else, by its own word."""

    status, type, default_code = 415, "invalid_request", "not_json"


def origin_of(request: web.Request) -> Origin:
    """Where the request comes from; noted by the outermost middleware."""
    return request[ORIGIN]


async def read_body(request: web.Request, timeout_s: float) -> bytes:
    """The whole body, of the application's `client_max_size` bytes at most. Raises TooLarge, TooSlow, NotJson and
    Malformed."""
    if not request.body_exists:
        return b""
    # A body that doesn't say what it is counts as JSON, and is found out when it isn't.
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise NotJson("The body must be application/json.")
    return await read_whole(request, timeout_s)


async def read_whole(request: web.Request, timeout_s: float) -> bytes:
    """The body, whatever it is, of the application's `client_max_size` bytes at most. Raises TooLarge, TooSlow and
    Malformed."""
    if (request.content_length or 0) > request.client_max_size:
        raise _too_large(request)
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError:
        raise TooSlow(f"The body did not come within {timeout_s:g} s.") from None
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(request) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Malformed("The body broke off or is badly encoded.", code="broken_body") from None


def _too_large(request: web.Request) -> TooLarge:
    return TooLarge(f"The body may have {request.client_max_size} bytes at most.")
