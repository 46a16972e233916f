"""Common parts of Twilio's REST resources: Basic auth, forms, errors, dates and pages (docs: usage/api)."""

import secrets
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict

from simulator.carrier.network.twilio.model import TwilioConfig

Json = dict[str, object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/2010-04-01/Accounts/{account}"

_MAX_PAGE = 1_000


class RestError(Exception):
    """An error response with HTTP status, Twilio's error code and a message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def not_found(request: web.Request) -> RestError:
    """Return error 20404: the resource does not exist."""
    return RestError(404, 20404, f"The requested resource {request.path} was not found")


class RequestGuard:
    """Authenticates requests and injects faults.

    Attributes:
        fail_next: HTTP statuses with which the next requests fail, one each.
        lose_next: HTTP statuses with which the next requests fail after they were executed.
    """

    def __init__(self, config: TwilioConfig) -> None:
        self.fail_next: deque[int] = deque()
        self.lose_next: deque[int] = deque()
        self._config = config

    def guarded(self, handler: Handler) -> Handler:
        """Wrap a handler so that it checks the credentials and returns errors in Twilio's format."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                _fail(self.fail_next)
                _authenticate(self._config, request)
                response = await handler(request)
                _fail(self.lose_next)
                return response
            except RestError as error:
                return web.json_response(_body(error), status=error.status)

        return answer


async def form(request: web.Request) -> MultiDict[str]:
    """Return the fields of a form in order, including blank ones."""
    posted = await request.post()
    return MultiDict((name, value) for name, value in posted.items() if isinstance(value, str))


def required(fields: Mapping[str, str], name: str, code: int) -> str:
    """Return a non-blank field. Raises RestError."""
    value = fields.get(name, "")
    if not value:
        raise RestError(400, code, f"No '{name}' number or value is specified")
    return value


def boolean(fields: Mapping[str, str], name: str) -> bool:
    """Return whether the field is "true"."""
    return fields.get(name, "").lower() == "true"


def integer(fields: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return an integer within limits. Raises RestError (20001)."""
    text = fields.get(name, "") or str(default)
    try:
        value = int(text)
    except ValueError:
        raise RestError(400, 20001, f"{name} must be a whole number") from None
    if not least <= value <= most:
        raise RestError(400, 20001, f"{name} must be {least} to {most}")
    return value


def rfc2822(moment: datetime | None) -> str | None:
    """Format a time as "Tue, 24 Nov 2026 10:00:00 +0000"."""
    return None if moment is None else format_datetime(moment.astimezone(UTC).replace(microsecond=0))


def page(request: web.Request, name: str, items: Sequence[Json]) -> web.Response:
    """Return a page of a list, with the URIs of the first, next and previous pages."""
    size = integer(request.query, "PageSize", 50, 1, _MAX_PAGE)
    number = integer(request.query, "Page", 0, 0, 1_000_000)
    begin = number * size
    shown = items[begin : begin + size]
    more = begin + size < len(items)
    body: Json = {
        name: list(shown),
        "first_page_uri": _uri(request, 0, size),
        "next_page_uri": _uri(request, number + 1, size) if more else None,
        "previous_page_uri": _uri(request, number - 1, size) if number else None,
        "page": number,
        "page_size": size,
        "start": begin,
        "end": max(begin, begin + len(shown) - 1),
        "uri": str(request.rel_url),
    }
    return web.json_response(body)


def meta_page(request: web.Request, name: str, items: Sequence[Json]) -> web.Response:
    """Return a page of a list in the newer APIs (/v2/…), which describe the page in `meta`."""
    size = integer(request.query, "PageSize", 50, 1, _MAX_PAGE)
    number = integer(request.query, "Page", 0, 0, 1_000_000)
    host = f"{request.scheme}://{request.host}"
    more = f"{host}{_uri(request, number + 1, size)}" if (number + 1) * size < len(items) else None
    meta: Json = {
        "page": number,
        "page_size": size,
        "first_page_url": f"{host}{_uri(request, 0, size)}",
        "previous_page_url": f"{host}{_uri(request, number - 1, size)}" if number else None,
        "next_page_url": more,
        "url": f"{host}{request.rel_url}",
        "key": name,
    }
    return web.json_response({name: list(items[number * size : (number + 1) * size]), "meta": meta})


def _uri(request: web.Request, number: int, size: int) -> str:
    query = [(name, value) for name, value in request.query.items() if name not in ("Page", "PageSize")]
    return f"{request.path}?{urlencode([*query, ('PageSize', str(size)), ('Page', str(number))])}"


def _fail(statuses: deque[int]) -> None:
    if statuses:
        status = statuses.popleft()
        raise RestError(status, 20429 if status == 429 else 20500, "Simulated failure")


def _authenticate(config: TwilioConfig, request: web.Request) -> None:
    expected = b64encode(f"{config.account_sid}:{config.auth_token}".encode()).decode("ascii")
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic" or not secrets.compare_digest(credentials.strip().encode(), expected.encode()):
        raise RestError(401, 20003, "Authenticate")
    if request.match_info.get("account", config.account_sid) != config.account_sid:
        raise not_found(request)


def _body(error: RestError) -> Json:
    return {
        "code": error.code,
        "message": error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
        "status": error.status,
    }
