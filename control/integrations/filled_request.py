"""Makes the HTTP request of a declaration: each value is escaped for the place that it goes to. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from control.integrations.declarations import PLACEHOLDER, RequestTemplate
from control.integrations.json_pointers import find_value
from control.integrations.type_config import ApiKeyConfig, IntegrationTypeConfig
from control.integrations.vendor_http import VendorRequest
from shared.errors import Invalid

# Values by the names of placeholders: `input`, `config`, `cursor`, `since`.
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
    """The request with its credentials. extra: further parameters, in the query of a GET and in the body of a POST.
    headers: further ones.

    A parameter, or a member of the body, that is one placeholder without a value is left out. Raises Invalid (code
    value_invalid) for a value that its place cannot hold.
    """
    body, query = template.body, {name: _fill_text(text, values) for name, text in template.query.items()}
    if extra and template.method == "GET":
        query |= extra
    filled = None if body is None else _fill_body(body, values)
    if extra and template.method != "GET":
        filled = {**(filled or {}), **extra}
    sent = {name: _header(name, _fill_text(text, values) or "") for name, text in template.headers.items()}
    sent |= {name: _header(name, text) for name, text in (headers or {}).items()}
    _authorise(config, token, query, sent)
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


def authorise_link(config: IntegrationTypeConfig, url: str, token: str) -> VendorRequest:
    """The request of a page whose address the vendor named. Raises Invalid unless it is on the server of `base_url`:
    the credentials go nowhere else."""
    base = config.base_url
    if PLACEHOLDER.search(base) or _origin(url) != _origin(base):
        raise _invalid("link", "the next page is on another server")
    headers: dict[str, str] = {}
    query: dict[str, str | None] = {}
    _authorise(config, token, query, headers)
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
    return VendorRequest("GET", url, headers)


def fill_pointer(pointer: str, values: Values) -> str:
    """The pointer with its placeholders filled, each value as one name (RFC 6901, 3)."""

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
    """None: the text is one placeholder without a value."""
    whole = PLACEHOLDER.fullmatch(text)
    if whole is not None and _value(whole[1], values) is None:
        return None
    return PLACEHOLDER.sub(lambda found: _text(_value(found[1], values)), text)


def _fill_body(body: Any, values: Values) -> Any:
    """The same JSON, its texts filled; one that is a placeholder takes the value with its type."""
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
        if value in ("", ".", ".."):  # would name another resource
            raise _invalid(found[1], "it is empty, or names no resource")
        return quote(value, safe="")

    return PLACEHOLDER.sub(escape, path)


def _base(base_url: str, values: Values) -> str:
    """A setting may be the beginning, such as Salesforce's instance_url, which the egress guard checks as a whole, or
    a part of the host's name."""

    def insert(found: re.Match[str]) -> str:
        value = _text(_value(found[1], values))
        if not value or (found.start() and not _HOST_PART.match(value)):
            raise _invalid(found[1], "it is needed for the vendor's address, and does not fit there")
        return value

    return PLACEHOLDER.sub(insert, base_url)


def _authorise(
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
