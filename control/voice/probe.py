"""Asks a provider's server the cheapest question that tells whether key, model and voice are right.

A language model is asked for one word, as media would ask, because a wrong model, an unpaid account and a refused
option show only there. Of a speech vendor, a document that only the key's owner gets is read, which costs nothing.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from control.voice.guarded_http import GuardedTransport
from control.voice.instances import KeyedProvider
from control.voice.vendor_words import read_words, redact
from control.voice.vendors import VENDORS
from shared.chat_dialects import (
    DIALECTS,
    RULES,
    STATUS_OF_CODE,
    Dialect,
    detect_dialect,
    find_refused_field,
    make_chat_url,
    make_key_headers,
    read_sentence,
)
from shared.egress import EgressGuard
from shared.errors import Invalid

OPENAI_URL: Final = "https://api.openai.com/v1"
MAX_ERROR_BYTES: Final = 4_096
# Events before the first word: a server may send empty ones, and comments while it computes.
MAX_LINES: Final = 2_000
# In which they come: a server may cut a line into single bytes, each of which costs us more time than it does it.
MAX_PARTS: Final = 2 * MAX_LINES
# Of an answer that is read: a server may send without end, and a line of it is held until it is complete.
MAX_ANSWER_BYTES: Final = 256 * 1024
# The one reason for whatever goes wrong before a customer's server answers: if a closed port, a silent one, one without
# TLS and a name that only our network knows were told apart, the check would be a scanner.
UNREACHABLE: Final = (
    "no connection: the address has to be on the public internet, with an open port, a certificate for its host and an "
    "answer in time"
)
# A small body could be unpacked to gigabytes, so that none is unpacked.
_UNPACKED: Final = {"Accept-Encoding": "identity"}
# Of answers that may be about a key or an account in spite of their status.
_SENTENCE_STATUSES: Final = (400, 403, 429)
_BODY_OPTIONS: Final = ("model", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort")
# A speech vendor's base URL may be that of its WebSocket.
_HTTP_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_QUESTION: Final = [{"role": "user", "content": "Say hello in one word."}]

# At lower levels these log URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class VendorDocument:
    """What a speech vendor shows only to the owner of a key. path: may name an option ("/voices/{voice_id}"), and is
    `fallback` where the option is not set. key_header, key_prefix: how the key is sent."""

    base_url: str
    path: str
    fallback: str
    key_header: str
    key_prefix: str = ""
    headers: Mapping[str, str] | None = None


# AssemblyAI: a temporary token, which ends by itself. Deepgram: "Get Projects" of its management API. Cartesia: "Get
# Voice" and "List Voices", which need a dated version. ElevenLabs: "Get voice" and "List models"; a key that is
# restricted to speech needs the right to read them. xAI: what it knows of the key.
_TOKEN: Final = "/v3/token?expires_in_seconds=60"
DOCUMENTS: Final[Mapping[str, VendorDocument]] = {
    "assemblyai": VendorDocument("https://streaming.assemblyai.com", _TOKEN, _TOKEN, "Authorization"),
    "xai": VendorDocument("https://api.x.ai", "/v1/api-key", "/v1/api-key", "Authorization", "Bearer "),
    "deepgram": VendorDocument("https://api.deepgram.com", "/v1/projects", "/v1/projects", "Authorization", "Token "),
    "cartesia": VendorDocument(
        "https://api.cartesia.ai",
        "/voices/{voice_id}",
        "/voices?limit=1",
        "X-API-Key",
        headers={"Cartesia-Version": "2026-03-01"},
    ),
    "elevenlabs": VendorDocument("https://api.elevenlabs.io", "/v1/voices/{voice_id}", "/v1/models", "xi-api-key"),
}


class ProbeFailed(Exception):
    """The server did not answer as it should; the message says why and holds no key. status: of HTTP, 0 without an
    answer. words: the vendor's, without the key. refused_field: of the request, that the model does not take and a
    reply can do without; else empty."""

    def __init__(self, message: str, *, status: int = 0, words: str = "", refused_field: str = "") -> None:
        super().__init__(message)
        self.status, self.words, self.refused_field = status, words, refused_field

    @property
    def is_key_refused(self) -> bool:
        """Whether it is the key that the vendor does not accept."""
        return self.status in (401, 403)


def can_probe(provider: KeyedProvider) -> bool:
    """Whether there is a server that can be asked."""
    facts = VENDORS.get(provider.offer.vendor)
    is_known = "llm" in provider.offer.kinds or provider.offer.vendor in DOCUMENTS
    return facts is not None and facts.takes_key and is_known


async def probe(provider: KeyedProvider, timeout_s: float, guard: EgressGuard | None = None) -> float:
    """Milliseconds until the answer; of a language model until its first word. guard: where a customer gave the
    address. Raises ProbeFailed, and Invalid where there is no server."""
    if not can_probe(provider):
        raise Invalid(f"{provider.offer.provider} has no server that could be asked", param="instance")
    began = time.perf_counter()
    async with open_client(timeout_s, guard) as http:
        if "llm" in provider.offer.kinds:
            await _read_first_word(http, provider)
        else:
            await _read_document(http, provider)
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def open_client(timeout_s: float, guard: EgressGuard | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client for one question, which has so long for all of it. guard: where a customer gave the address. Raises
    ProbeFailed for every failure of the network."""
    transport = httpx.AsyncHTTPTransport() if guard is None else GuardedTransport(guard)
    client = httpx.AsyncClient(timeout=timeout_s, trust_env=False, transport=transport, headers=_UNPACKED)
    try:
        async with asyncio.timeout(timeout_s), client as http:
            yield http
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProbeFailed(_explain(error, timeout_s) if guard is None else UNREACHABLE) from None


def _explain(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"no answer within {timeout_s:g} s"
    return f"no connection: {type(error).__name__}"


async def _read_first_word(http: httpx.AsyncClient, provider: KeyedProvider) -> None:
    """Leaves out a field that the model does not take and asks again, as media does. Raises ProbeFailed."""
    options = provider.offer.defaults("llm")
    base_url = str(options.get("base_url", OPENAI_URL))
    named = options.get("dialect")
    dialect = named if named in DIALECTS else detect_dialect(base_url)
    url = make_chat_url(dialect, base_url, str(options.get("model", "")), str(options.get("api_version", "")))
    body = {**make_body_options(options, dialect), "messages": _QUESTION, "stream": True}
    headers = make_key_headers(dialect, provider.key)
    while True:
        try:
            return await _ask(http, url, body, headers, provider.key)
        except ProbeFailed as failed:
            if failed.refused_field not in body:
                raise
            limit = body.pop(failed.refused_field)
            if failed.refused_field == "max_tokens":
                body.setdefault("max_completion_tokens", limit)


async def _ask(
    http: httpx.AsyncClient, url: str, body: Mapping[str, Any], headers: Mapping[str, str], key: str
) -> None:
    """Returns at the first word. Raises ProbeFailed."""
    async with http.stream("POST", url, json=body, headers=headers) as response:
        await _require_ok(response, key)
        async for line in _lines(response):
            if _has_output(line):
                return
    raise ProbeFailed("the answer had no word")


def make_body_options(options: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The options that are fields of the request, by the names that the server wants."""
    fields = {name: value for name, value in options.items() if name in _BODY_OPTIONS}
    limit = RULES[dialect].completion_limit
    if limit and "max_tokens" in fields:
        fields.setdefault(limit, fields.pop("max_tokens"))
    extra = options.get("extra")
    return {**fields, **(extra if isinstance(extra, Mapping) else {})}


async def _read_document(http: httpx.AsyncClient, provider: KeyedProvider) -> None:
    document = DOCUMENTS[provider.offer.vendor]
    options = {name: value for kind in ("stt", "tts") for name, value in provider.offer.defaults(kind).items()}
    try:
        path = document.path.format_map({name: quote(str(value), safe="") for name, value in options.items()})
    except KeyError:
        path = document.fallback
    base = _HTTP_SCHEME.sub("http", str(options.get("base_url") or document.base_url).rstrip("/"))
    headers = {**(document.headers or {}), document.key_header: document.key_prefix + provider.key}
    async with http.stream("GET", base + path, headers=headers) as response:
        await _require_ok(response, provider.key)


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Raises ProbeFailed for too many lines, bytes, or parts in which they come."""
    lines, parts, size, rest = 0, 0, 0, b""
    async for part in response.aiter_raw():
        parts, size = parts + 1, size + len(part)
        *complete, rest = (rest + part).split(b"\n")
        for line in complete:
            lines += 1
            if lines > MAX_LINES:
                raise ProbeFailed(f"no word within {MAX_LINES} lines")
            yield line.decode(errors="replace")
        if size > MAX_ANSWER_BYTES:
            raise ProbeFailed(f"no word within {MAX_ANSWER_BYTES // 1024} KiB")
        if parts > MAX_PARTS:
            raise ProbeFailed(f"no word within {MAX_PARTS} parts of an answer")
    yield rest.decode(errors="replace")


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


async def _require_ok(response: httpx.Response, key: str) -> None:
    """Raises ProbeFailed with the vendor's code in its message; its words, which may repeat the key, apart."""
    if response.status_code == 200:
        return
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_ERROR_BYTES:
            break
    status, error = response.status_code, _error_of(body)
    raise ProbeFailed(
        f"HTTP {status} {redact(_code(error), key)}".rstrip(),
        status=meant_status(status, body),
        words=read_words(body, key),
        refused_field=find_refused_field(error.get("code"), error.get("param")),
    )


def _error_of(body: bytes) -> Mapping[str, Any]:
    """The object under `error`; empty if there is none."""
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return {}
    if isinstance(error, str):
        return {"code": read_sentence(error)}
    return error if isinstance(error, Mapping) else {}


def meant_status(status: int, body: bytes) -> int:
    """The status of an answer: xAI's says in a sentence that the key is wrong (400), or the account has no credit."""
    code = _code(_error_of(body))
    return STATUS_OF_CODE[code] if status in _SENTENCE_STATUSES and code in STATUS_OF_CODE else status


def _code(error: Mapping[str, Any]) -> str:
    code = error.get("code") or error.get("type")
    return code if isinstance(code, str) and len(code) <= 60 and code.isascii() and code.isprintable() else ""
