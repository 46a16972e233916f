"""Makes the HTTP request of a tool from a model's arguments. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from control.platform.audit import MASK
from control.tools.http_config import PLACEHOLDER, WITH_BODY, HttpToolConfig
from shared.errors import Invalid

# With the path; longer ones are refused by most servers.
LONGEST_SENT_URL: Final = 8_000
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class ToolHttpRequest:
    """A request. body: JSON; None: there is none. secrets: names of the headers that are never shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: str | None = None
    secrets: frozenset[str] = frozenset()

    def shown_headers(self) -> dict[str, str]:
        """The headers with MASK in place of secrets."""
        return {name: MASK if name in self.secrets else value for name, value in self.headers.items()}


def make_request(
    config: HttpToolConfig, secrets: Mapping[str, str], arguments: Mapping[str, Any], run_id: str
) -> ToolHttpRequest:
    """The request of a run. arguments: that fit the tool's schema. run_id: sent as Idempotency-Key unless the tool only
    reads. Raises Invalid (code arguments_invalid) for an argument that cannot be part of a path."""
    placed = set(PLACEHOLDER.findall(config.url))
    url = PLACEHOLDER.sub(lambda found: _path_part(found.group(1), arguments), config.url)
    has_body = config.method in WITH_BODY
    left = {name: value for name, value in arguments.items() if name not in placed and value is not None}
    query = _mapped(config.query, left) if config.query or has_body else left
    if has_body:
        taken = set(config.query.values())
        rest = {name: value for name, value in left.items() if name not in taken}
        body = json.dumps(_mapped(config.body, left) if config.body else rest, ensure_ascii=False)
    else:
        body = None
    url = _with_query(url, query)
    if len(url) > LONGEST_SENT_URL:
        raise Invalid("The arguments are too long for an address.", code="arguments_invalid")
    return ToolHttpRequest(
        config.method, url, _headers(config, secrets, run_id, has_body=has_body), body, frozenset(secrets)
    )


def _headers(config: HttpToolConfig, secrets: Mapping[str, str], run_id: str, *, has_body: bool) -> dict[str, str]:
    """Ours come last. The answer is not compressed, because a short one could unpack to any size."""
    own = {"Accept-Encoding": "identity"}
    if has_body:
        own["Content-Type"] = "application/json"
    if not config.read_only and run_id:
        own[IDEMPOTENCY_KEY] = run_id
    return {"Accept": "application/json, text/*;q=0.9", "User-Agent": "Vocalized", **config.headers, **secrets, **own}


def _mapped(names: Mapping[str, str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments[argument] for name, argument in names.items() if argument in arguments}


def _path_part(name: str, arguments: Mapping[str, Any]) -> str:
    """One part of a path. An empty part, and the dots that mean another folder, would lead to another resource."""
    value = arguments.get(name)
    text = _text(value) if isinstance(value, str | int | float | bool) else ""
    if text.strip() in ("", ".", ".."):
        raise Invalid(f"{name}: cannot be part of an address.", code="arguments_invalid", param=f"arguments.{name}")
    return quote(text, safe="")


def _with_query(url: str, query: Mapping[str, Any]) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    added = urlencode([(name, _text(value)) for name, value in query.items()])
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
