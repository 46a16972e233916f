"""Reads a request's origin and body."""

import asyncio
from uuid import UUID

from aiohttp import web

from control.http.context import Context, RequestOrigin
from shared.errors import Malformed, Problem

ORIGIN = web.RequestKey("origin", RequestOrigin)
# The caller, for the access log. Set after authorization.
PRINCIPAL = web.RequestKey("principal", Context)
# The API key by which a request is counted.
KEY_ID = web.RequestKey("key_id", UUID)
# The body of a request that is contained in another request. It replaces the body of the connection.
GIVEN_BODY = web.RequestKey("given_body", bytes)
MAX_USER_AGENT_LENGTH = 300


class BodyTooLarge(Problem):
    """The body is longer than allowed."""

    status, type, default_code = 413, "invalid_request", "too_large"


class BodyTooSlow(Problem):
    """The body did not arrive in time."""

    status, type, default_code = 408, "invalid_request", "too_slow"


class BodyNotJson(Problem):
    """The Content-Type is not JSON."""

    status, type, default_code = 415, "invalid_request", "not_json"


def origin_of(request: web.Request) -> RequestOrigin:
    """Return the origin of a request, as stored by the middleware."""
    return request[ORIGIN]


async def read_json_body(request: web.Request, timeout_s: float, max_bytes: int | None) -> bytes:
    """Read a JSON body like `read_body`. Raises BodyTooLarge, BodyTooSlow, BodyNotJson and Malformed."""
    if GIVEN_BODY in request:
        return _check_given(request[GIVEN_BODY], request.client_max_size if max_bytes is None else max_bytes)
    if not request.body_exists:
        return b""
    # A body without a Content-Type (octet-stream in aiohttp) is parsed as JSON.
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise BodyNotJson("The body must be application/json.")
    return await read_body(request, timeout_s, max_bytes)


async def read_body(request: web.Request, timeout_s: float, max_bytes: int | None) -> bytes:
    """Return a body of any type. Raises BodyTooLarge, BodyTooSlow and Malformed.

    Args:
        max_bytes: Size limit. The application's `client_max_size` applies if it is smaller, or if this limit is None.
    """
    max_bytes = request.client_max_size if max_bytes is None else min(max_bytes, request.client_max_size)
    return await _read_within(request, timeout_s, max_bytes)


async def read_upload(request: web.Request, timeout_s: float, max_bytes: int) -> bytes:
    """Return a file of any type, up to `max_bytes`, which may exceed the limit of other bodies.

    Raises BodyTooLarge, BodyTooSlow and Malformed.
    """
    return await _read_within(request, timeout_s, max_bytes)


async def _read_within(request: web.Request, timeout_s: float, max_bytes: int) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        if request.content.is_eof():
            return await _read_bounded(request, max_bytes)
        async with asyncio.timeout(timeout_s):
            return await _read_bounded(request, max_bytes)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not come within {timeout_s:g} s.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Malformed("The body broke off or is badly encoded.", code="broken_body") from None


async def _read_bounded(request: web.Request, max_bytes: int) -> bytes:
    """Read the body. Raises BodyTooLarge as soon as the limit is exceeded."""
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _check_given(body: bytes, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body may have {max_bytes} bytes at most.")
