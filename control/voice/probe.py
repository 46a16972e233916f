"""Asks a provider's server one short question, as media would, and measures the time to its first word."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx
import msgspec

from control.voice.instances import KeyedProvider
from control.voice.vendors import VENDORS
from shared.chat_dialects import DIALECTS, RULES, Dialect, detect_dialect, make_chat_url, make_key_headers
from shared.errors import Invalid

OPENAI_URL: Final = "https://api.openai.com/v1"
MAX_ERROR_BYTES: Final = 4_096
# Events before the first word: a server may send empty ones, and comments while it computes.
MAX_LINES: Final = 2_000
_BODY_OPTIONS: Final = ("model", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort")
_QUESTION: Final = [{"role": "user", "content": "Say hello in one word."}]

# At lower levels these log URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class ProbeFailed(Exception):
    """The server did not answer as a language model; the message says why and holds no key."""


async def probe(provider: KeyedProvider, timeout_s: float) -> float:
    """Milliseconds from the request to the first word. Raises ProbeFailed, and Invalid where there is no server."""
    facts = VENDORS.get(provider.offer.vendor)
    if facts is None or not facts.takes_key or "llm" not in provider.offer.kinds:
        raise Invalid(f"{provider.offer.provider} has no server that could be asked", param="instance")
    began = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s), httpx.AsyncClient(timeout=timeout_s, trust_env=False) as http:
            await _read_first_word(http, provider)
    except (TimeoutError, httpx.TimeoutException):
        raise ProbeFailed(f"no answer within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProbeFailed(f"no connection: {type(error).__name__}") from None
    return (time.perf_counter() - began) * 1000


async def _read_first_word(http: httpx.AsyncClient, provider: KeyedProvider) -> None:
    options = provider.offer.defaults("llm")
    base_url = str(options.get("base_url", OPENAI_URL))
    named = options.get("dialect")
    dialect = named if named in DIALECTS else detect_dialect(base_url)
    url = make_chat_url(dialect, base_url, str(options.get("model", "")), str(options.get("api_version", "")))
    body = {**_body_options(options, dialect), "messages": _QUESTION, "stream": True}
    async with http.stream("POST", url, json=body, headers=make_key_headers(dialect, provider.key)) as response:
        if response.status_code != 200:
            raise ProbeFailed(f"HTTP {response.status_code} {await _read_code(response)}".rstrip())
        async for line in _lines(response):
            if _has_output(line):
                return
    raise ProbeFailed("the answer had no word")


def _body_options(options: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The options that are fields of the request, by the names that the server wants."""
    fields = {name: value for name, value in options.items() if name in _BODY_OPTIONS}
    limit = RULES[dialect].completion_limit
    if limit and "max_tokens" in fields:
        fields.setdefault(limit, fields.pop("max_tokens"))
    extra = options.get("extra")
    return {**fields, **(extra if isinstance(extra, Mapping) else {})}


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    count = 0
    async for line in response.aiter_lines():
        count += 1
        if count > MAX_LINES:
            raise ProbeFailed(f"no word within {MAX_LINES} lines")
        yield line


def _has_output(line: str) -> bool:
    """Whether a line of the event stream carries a part of the answer; reasoning counts, because the model works."""
    if not line.startswith("data:"):
        return False
    try:
        chunk = msgspec.json.decode(line.removeprefix("data:").strip().encode())
        delta: Any = chunk["choices"][0]["delta"]
        return any(delta.get(field) for field in ("content", "reasoning", "reasoning_content"))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return False


async def _read_code(response: httpx.Response) -> str:
    """The vendor's error code, without its message, which may repeat the key."""
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ERROR_BYTES:
            return ""
    try:
        error = msgspec.json.decode(body)["error"]
        code = error.get("code") or error.get("type")
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return ""
    return code if isinstance(code, str) and len(code) <= 60 and code.isascii() and code.isprintable() else ""
