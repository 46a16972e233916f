"""Asks a provider's server the cheapest question that tells whether key, model and voice are right.

A language model is asked for one word, as media would ask, because a wrong model, an unpaid account and a refused
option show only there. Of a speech vendor, a document that only the key's owner gets is read, which costs nothing.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from control.platform.guarded_http import GuardedTransport
from control.voice.chat_question import CompletionApi, read_error
from control.voice.completion_apis import COMPLETION_APIS
from control.voice.keys import KeyedProvider
from control.voice.vendor_words import read_words, redact
from shared.chat_dialects import STATUS_OF_CODE
from shared.egress import EgressGuard
from shared.errors import Invalid
from vendors.azure_speech.facts import AZURE_REGION, find_base_url
from vendors.google_speech.account import read_account
from vendors.registry import VENDORS

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
# A speech vendor's base URL may be that of its WebSocket.
_HTTP_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_QUOTA: Final = re.compile(rb"\bquota\b", re.IGNORECASE)
_QUESTION: Final = "Say hello in one word."

# At lower levels these log URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class VendorDocument:
    """What a speech vendor shows only to the owner of a key. path: may name an option ("/voices/{voice_id}"), and is
    `fallback` where the option is not set. key_header, key_prefix: how the key is sent. make_token: what is sent in the
    key's place; raises ValueError for a key that is none. find_base: the address by the options, where it is not
    `base_url`."""

    base_url: str
    path: str
    fallback: str
    key_header: str
    key_prefix: str = ""
    headers: Mapping[str, str] | None = None
    make_token: Callable[[str], str] | None = None
    find_base: Callable[[Mapping[str, Any]], str] | None = None


def _find_azure_base(options: Mapping[str, Any]) -> str:
    return find_base_url(str(options.get("base_url") or ""), str(options.get("region") or AZURE_REGION), "tts")


# AssemblyAI: a temporary token, which ends by itself. Deepgram: "Get Projects" of its management API. Cartesia: "Get
# Voice" and "List Voices", which need a dated version. ElevenLabs: "Get voice" and "List models"; a key that is
# restricted to speech needs the right to read them. Google's speech: "voices.list", by a token that the account signs.
# Soniox: "Get models". Azure: "Get a list of voices", at the host of the region. xAI: what it knows of the key.
_AZURE_VOICES: Final = "/cognitiveservices/voices/list"
_TOKEN: Final = "/v3/token?expires_in_seconds=60"
_VOICES: Final = "/v1/voices?languageCode=en-US"
DOCUMENTS: Final[Mapping[str, VendorDocument]] = {
    "assemblyai": VendorDocument("https://streaming.assemblyai.com", _TOKEN, _TOKEN, "Authorization"),
    "soniox": VendorDocument("https://api.soniox.com", "/v1/models", "/v1/models", "Authorization", "Bearer "),
    "xai": VendorDocument("https://api.x.ai", "/v1/api-key", "/v1/api-key", "Authorization", "Bearer "),
    "deepgram": VendorDocument("https://api.deepgram.com", "/v1/projects", "/v1/projects", "Authorization", "Token "),
    "cartesia": VendorDocument(
        "https://api.cartesia.ai",
        "/voices/{voice_id}",
        "/voices?limit=1",
        "X-API-Key",
        headers={"Cartesia-Version": "2026-03-01"},
    ),
    "google-speech": VendorDocument(
        "https://texttospeech.googleapis.com",
        _VOICES,
        _VOICES,
        "Authorization",
        "Bearer ",
        make_token=lambda key: read_account(key).token(),
    ),
    "azure-speech": VendorDocument(
        "", _AZURE_VOICES, _AZURE_VOICES, "Ocp-Apim-Subscription-Key", find_base=_find_azure_base
    ),
    "elevenlabs": VendorDocument("https://api.elevenlabs.io", "/v1/voices/{voice_id}", "/v1/models", "xi-api-key"),
}


class ProbeFailed(Exception):
    """The server did not answer as it should; the message says why and holds no key. status: of HTTP, 0 without an
    answer. words: the vendor's, without the key. error: the vendor's, as it came. is_key_refused: it is the key that
    the vendor does not accept; told by the status where it is None."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        words: str = "",
        error: Mapping[str, Any] | None = None,
        is_key_refused: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.words, self.error = status, words, error or {}
        self.is_key_refused = status in (401, 403) if is_key_refused is None else is_key_refused


def can_probe(provider: KeyedProvider) -> bool:
    """Whether there is a server that can be asked."""
    facts = VENDORS.get(provider.offer.vendor)
    has_model = "llm" in provider.offer.kinds and provider.offer.vendor in COMPLETION_APIS
    is_known = has_model or provider.offer.vendor in DOCUMENTS
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
    api = COMPLETION_APIS[provider.offer.vendor](provider.offer.defaults("llm"), provider.key)
    body = api.make_word_body(_QUESTION)
    while True:
        try:
            return await _ask(http, api, body, provider.key)
        except ProbeFailed as failed:
            refused = api.find_refused_field(failed.error)
            if refused not in body:
                raise
            api.drop_field(body, refused)


async def _ask(http: httpx.AsyncClient, api: CompletionApi, body: Mapping[str, Any], key: str) -> None:
    """Returns at the first word. Raises ProbeFailed."""
    async with http.stream("POST", api.word_url, json=body, headers=api.headers) as response:
        await _require_ok(response, key, api)
        async for line in _lines(response):
            if _has_word(api, line):
                return
    raise ProbeFailed("the answer had no word")


async def _read_document(http: httpx.AsyncClient, provider: KeyedProvider) -> None:
    document = DOCUMENTS[provider.offer.vendor]
    options = {name: value for kind in ("stt", "tts") for name, value in provider.offer.defaults(kind).items()}
    try:
        path = document.path.format_map({name: quote(str(value), safe="") for name, value in options.items()})
    except KeyError:
        path = document.fallback
    found = document.find_base(options) if document.find_base else str(options.get("base_url") or document.base_url)
    base = _HTTP_SCHEME.sub("http", found.rstrip("/"))
    token = await _make_token(document, provider.key)
    headers = {**(document.headers or {}), document.key_header: document.key_prefix + token}
    async with http.stream("GET", base + path, headers=headers) as response:
        await _require_ok(response, provider.key)


async def _make_token(document: VendorDocument, key: str) -> str:
    """What proves the key, the key itself if it does. Raises ProbeFailed."""
    if document.make_token is None:
        return key
    try:
        return await asyncio.to_thread(document.make_token, key)  # 60 ms of computation
    except ValueError as error:
        raise ProbeFailed(str(error), status=401) from None


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


def _has_word(api: CompletionApi, line: str) -> bool:
    """Whether a line of the event stream carries a part of the answer."""
    if not line.startswith("data:"):
        return False
    try:
        return api.has_word(msgspec.json.decode(line.removeprefix("data:").strip().encode()))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return False


async def _require_ok(response: httpx.Response, key: str, api: CompletionApi | None = None) -> None:
    """Raises ProbeFailed with the vendor's code in its message; its words, which may repeat the key, apart. api: where
    a language model was asked."""
    if response.status_code == 200:
        return
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_ERROR_BYTES:
            break
    status, error = response.status_code, read_error(body)
    raise ProbeFailed(
        f"HTTP {status} {redact(_code(error), key)}".rstrip(),
        status=meant_status(status, body),
        words=read_words(body, key),
        error=error,
        is_key_refused=None if api is None else api.is_key_refused(status, error),
    )


def meant_status(status: int, body: bytes) -> int:
    """The status of an answer: xAI's says in a sentence that the key is wrong (400), or the account has no credit;
    Azure's 403 is a used up quota, too."""
    if status == 403 and _QUOTA.search(body):
        return 402
    code = _code(read_error(body))
    return STATUS_OF_CODE[code] if status in _SENTENCE_STATUSES and code in STATUS_OF_CODE else status


def _code(error: Mapping[str, Any]) -> str:
    """Of OpenAI and its like, of Anthropic (`type`), of Google (`status`: its `code` is a number)."""
    found = (error.get(name) for name in ("code", "type", "status"))
    code = next((one for one in found if isinstance(one, str) and one), "")
    return code if len(code) <= 60 and code.isascii() and code.isprintable() else ""
