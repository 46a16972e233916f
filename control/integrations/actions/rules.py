"""Builds the HTTP request for a declared action and maps the vendor's answer to records. Pure functions.

Each value is escaped for its place in the request. Every value that is read from an answer is bounded in size.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from control.integrations.types.rules import (
    PLACEHOLDER,
    ApiKeyConfig,
    IntegrationTypeConfig,
    RequestTemplate,
    ResponseMapping,
    find_value,
)
from control.integrations.vendor_http import VendorRequest
from shared.errors import Invalid


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """A working connection: its status is connected and its type is enabled.

    Attributes:
        settings: The workspace's settings for this connection.
        account: Name of the account at the vendor. None if the vendor does not name it.
    """

    id: UUID
    workspace_id: UUID
    type: str
    settings: Mapping[str, Any]
    type_config: IntegrationTypeConfig = field(repr=False)
    account: str | None = None

    @property
    def missing_settings(self) -> list[str]:
        """Names of the settings that the type requires and the workspace has not chosen yet."""
        return [name for name in self.type_config.config_schema.get("required", ()) if name not in self.settings]

    @property
    def calendar_key(self) -> str:
        """Key of the calendar. Connections to the same calendar share the key if the vendor names the calendar."""
        calendar = self.type_config.calendar
        named = str(self.settings.get(calendar.setting) or "") if calendar else ""
        is_own = calendar is None or named in ("", calendar.own)
        name = (self.account or str(self.id)) if is_own else named
        return sha256(f"{self.type} {name.strip().casefold()}".encode()).hexdigest()


def make_run_key(call_id: UUID, run_id: str) -> str:
    """Return the idempotency key that a vendor gets for a tool run within a call.

    The key has 32 characters of 0-9a-f, which Google accepts as an event id (base32hex).
    """
    return sha256(f"{call_id}:{run_id}".encode()).hexdigest()[:32]


# -- Requests --

# Values of the placeholders, keyed by source: `input`, `config`, `cursor`, `since`.
Values = Mapping[str, Any]
MAX_BODY_BYTES: Final = 262_144
MAX_URL_CHARACTERS: Final = 8_000
_HOST_PART: Final = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?$")
_CONTROL: Final = re.compile(r"[^\x20-\x7e]")


def fill_request(
    config: IntegrationTypeConfig,
    template: RequestTemplate,
    values: Values,
    *,
    token: str,
    extra: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> VendorRequest:
    """Return the request with its credentials.

    Parameters and body members that consist of one placeholder without a value are left out. Raises Invalid (code
    value_invalid) if a value is not allowed in its place.

    Args:
        extra: More parameters. They go into the query of a GET and into the body of a POST.
        headers: More headers.
    """
    body, query = template.body, {name: _fill_text(text, values) for name, text in template.query.items()}
    if extra and template.method == "GET":
        query |= extra
    filled = None if body is None else _fill_body(body, values)
    if extra and template.method != "GET":
        filled = {**(filled or {}), **extra}
    sent = {name: _header(name, _fill_text(text, values) or "") for name, text in template.headers.items()}
    sent |= {name: _header(name, text) for name, text in (headers or {}).items()}
    _authorize(config, token, query, sent)
    content = None if filled is None else json.dumps(filled).encode()
    if content is not None:
        sent.setdefault("Content-Type", "application/json")
        if len(content) > MAX_BODY_BYTES:
            raise _invalid("body", f"it has more than {MAX_BODY_BYTES:,} bytes")
    url = _base(config.base_url, values).rstrip("/") + _path(template.path, values)
    parameters = urlencode({name: text for name, text in query.items() if text is not None})
    url = f"{url}?{parameters}" if parameters else url
    if len(url) > MAX_URL_CHARACTERS:
        raise _invalid("query", f"the address has more than {MAX_URL_CHARACTERS:,} characters")
    return VendorRequest(template.method, url, sent, content)


def authorize_link(config: IntegrationTypeConfig, url: str, token: str) -> VendorRequest:
    """Return the request for a page whose address came from the vendor.

    Raises Invalid unless the page is on the server of `base_url`, so that credentials are never sent elsewhere.
    """
    base = config.base_url
    if PLACEHOLDER.search(base) or _origin(url) != _origin(base):
        raise _invalid("link", "the next page is on another server")
    headers: dict[str, str] = {}
    query: dict[str, str | None] = {}
    _authorize(config, token, query, headers)
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
    return VendorRequest("GET", url, headers)


def fill_pointer(pointer: str, values: Values) -> str:
    """Return the pointer with its placeholders filled. Each value is escaped as one reference token (RFC 6901, section
    3).
    """

    def escape(found: re.Match[str]) -> str:
        return _text(_value(found[1], values)).replace("~", "~0").replace("/", "~1")

    return PLACEHOLDER.sub(escape, pointer)


def _value(name: str, values: Values) -> Any:
    return find_value(values, "/" + name.replace(".", "/"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _fill_text(text: str, values: Values) -> str | None:
    """Fill the placeholders of a text. Return None if the text is a single placeholder without a value."""
    whole = PLACEHOLDER.fullmatch(text)
    if whole is not None and _value(whole[1], values) is None:
        return None
    return PLACEHOLDER.sub(lambda found: _text(_value(found[1], values)), text)


def _fill_body(body: Any, values: Values) -> Any:
    """Return the JSON body with filled placeholders. A text that is a single placeholder becomes the value with its
    type.
    """
    if isinstance(body, str):
        whole = PLACEHOLDER.fullmatch(body)
        return _value(whole[1], values) if whole else _fill_text(body, values)
    if isinstance(body, list):
        return [_fill_body(item, values) for item in body]
    if not isinstance(body, dict):
        return body
    filled = {name: (part, _fill_body(part, values)) for name, part in body.items()}
    return {name: value for name, (part, value) in filled.items() if value is not None or part is None}


def _path(path: str, values: Values) -> str:
    def escape(found: re.Match[str]) -> str:
        value = _text(_value(found[1], values))
        if value in ("", ".", ".."):  # these would address another resource
            raise _invalid(found[1], "it is empty, or names no resource")
        return quote(value, safe="")

    return PLACEHOLDER.sub(escape, path)


def _base(base_url: str, values: Values) -> str:
    """Fill the placeholders of the base URL.

    A setting may be the start of the URL, such as Salesforce's `instance_url`, or a part of the host name. The egress
    guard checks the whole URL.
    """

    def insert(found: re.Match[str]) -> str:
        value = _text(_value(found[1], values))
        if not value or (found.start() and not _HOST_PART.match(value)):
            raise _invalid(found[1], "it is needed for the vendor's address, and does not fit there")
        return value

    return PLACEHOLDER.sub(insert, base_url)


def _authorize(
    config: IntegrationTypeConfig, token: str, query: dict[str, str | None], headers: dict[str, str]
) -> None:
    key = config.api_key or (ApiKeyConfig() if config.oauth else None)
    if key is None:
        return
    if key.place == "query":
        query[key.name] = token
    else:
        headers[key.name] = _header(key.name, f"{key.prefix}{token}")


def _header(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise _invalid(name, "a header holds printable ASCII characters only")
    return value


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split(r'[/?#]', rest, maxsplit=1)[0]}".lower()


def _invalid(name: str, why: str) -> Invalid:
    return Invalid(f"{name}: {why}.", code="value_invalid", param=name)


# -- Answers --

MAX_RECORDS: Final = 1_000
MAX_VALUE_CHARACTERS: Final = 2_000
Scalar = str | int | float | bool | None
VendorRecord = Mapping[str, Scalar]
# Fields that hold times. `utc_times` of the declaration states that times without an offset are in UTC.
_TIMES: Final = ("starts_at", "ends_at")


class AnswerUnreadable(Exception):
    """The answer does not have the structure that the type declares."""


class AnswerFailed(Exception):
    """The answer reports that the request failed or that the result is incomplete."""


def map_records(mapping: ResponseMapping, document: Any, values: Values) -> list[VendorRecord]:
    """Return the records of an answer, with our field names. An answer without a list is one record.

    Only strings, numbers and booleans are kept. Strings are cut at MAX_VALUE_CHARACTERS.

    Raises:
        AnswerFailed: The answer reports a failure.
        AnswerUnreadable: The answer lacks the declared list or has more than MAX_RECORDS records.
    """
    for pointer in mapping.failures:
        if find_value(document, fill_pointer(pointer, values)) not in (None, False, "", [], {}):
            raise AnswerFailed(f"the vendor reports a failure at {pointer}")
    if mapping.items is None:
        if not isinstance(document, dict):
            raise AnswerUnreadable("the answer is not a JSON object")
        return [_map_record(mapping, document)]
    items = find_value(document, fill_pointer(mapping.items, values))
    if not isinstance(items, list):
        raise AnswerUnreadable("the answer has no list of records")
    if len(items) > MAX_RECORDS:
        raise AnswerUnreadable(f"the answer has more than {MAX_RECORDS} records")
    return [_map_record(mapping, item) for item in items]


def _map_record(mapping: ResponseMapping, item: Any) -> VendorRecord:
    record = {name: _scalar(find_value(item, pointer)) for name, pointer in mapping.fields.items()}
    if mapping.utc_times:
        record |= {name: _in_utc(record[name]) for name in _TIMES if name in record}
    return record


def _in_utc(value: Scalar) -> Scalar:
    """Return the time with `Z` appended if it has no offset."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return value
    return f"{value}Z" if moment is not None and moment.tzinfo is None else value


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        # PostgreSQL stores neither NUL characters nor lone surrogates.
        return value.replace("\0", "").encode(errors="ignore").decode()[:MAX_VALUE_CHARACTERS]
    return value if isinstance(value, bool | int | float) else None
