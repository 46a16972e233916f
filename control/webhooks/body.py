"""A webhook's body, as it came: bounded in size and time."""

from aiohttp import web

from control.http.request import read_whole
from shared.errors import Problem

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
    return await read_whole(request, timeout_s)
