"""A webhook's body, as it came: bounded in size and time."""

import asyncio

from aiohttp import web

from control.http.request import TooLarge, TooSlow
from shared.errors import Malformed, Problem

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class NotReadable(Problem):
    """The body is of a kind that no carrier sends."""

    status, type, default_code = 415, "invalid_request", "unsupported_body"


async def read_raw(request: web.Request, timeout_s: float) -> bytes:
    """The whole body, of the application's `client_max_size` bytes at most, not yet decoded: signatures are over it.
    Raises NotReadable, TooLarge, TooSlow and Malformed."""
    if not request.body_exists:
        return b""
    if request.content_type not in (FORM, JSON):
        raise NotReadable("The body must be a form or JSON.")
    if (request.content_length or 0) > request.client_max_size:
        raise _too_large(request)
    try:
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
