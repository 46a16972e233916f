"""A webhook request as it arrived: the raw body, because signatures are computed over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from control.http.request import origin_of, read_body
from shared.errors import Malformed, Problem

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
_MAX_FIELDS: Final = 300
# By default: the longest that carriers send have some KB. A form is parsed before its signature can be checked.
MAX_BODY_BYTES: Final = 65_536


class UnsupportedWebhookBody(Problem):
    """The body is neither a form nor JSON."""

    status, type, default_code = 415, "invalid_request", "unsupported_body"


@dataclass(frozen=True)
class WebhookRequest:
    """target: path and query exactly as on the wire, with the sender's own percent-encoding. headers: names in any
    case. query: decoded."""

    target: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    body: bytes
    request_id: str

    @property
    def is_json(self) -> bool:
        """An empty body counts as a form."""
        return self.content_type == JSON and bool(self.body)

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """A form's fields, also the empty ones, which are signed too; or the texts of a JSON object. Raises Malformed
        (codes broken_body, not_json)."""
        return _json_fields(self.body) if self.is_json else _form_fields(self.body)


async def read_request(request: web.Request, timeout_s: float, max_bytes: int = MAX_BODY_BYTES) -> WebhookRequest:
    """Reads the body, of `max_bytes` at most. Raises UnsupportedWebhookBody, and what
    `read_body` raises: BodyTooLarge, BodyTooSlow and Malformed."""
    return WebhookRequest(
        target=_target(request),
        headers=request.headers,
        query=request.query,
        content_type=request.content_type,
        body=await _read_supported(request, timeout_s, max_bytes),
        request_id=origin_of(request).request_id,
    )


async def _read_supported(request: web.Request, timeout_s: float, max_bytes: int) -> bytes:
    if not request.body_exists:
        return b""
    if request.content_type not in (FORM, JSON):
        raise UnsupportedWebhookBody("The body must be a form or JSON.")
    return await read_body(request, timeout_s, max_bytes)


def _target(request: web.Request) -> str:
    """A proxy may send an absolute URL in the request line (RFC 9112, section 3.2.2): its host is not trusted."""
    target = request.raw_path
    return target if target.startswith("/") else request.rel_url.raw_path_qs


def _form_fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Malformed("The body is no form, or has too many fields.", code="broken_body") from None


def _json_fields(body: bytes) -> list[tuple[str, str]]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):  # RecursionError: nested too deeply
        raise Malformed("The body is not valid JSON.", code="not_json") from None
    found: Mapping[str, object] = document if isinstance(document, dict) else {}
    return [(name, value) for name, value in found.items() if isinstance(value, str)]
