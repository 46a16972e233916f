"""Probes a provider's server with the cheapest request that verifies key, model and voice.

A language model gets a request for a single word, with the same options that media sends, because a wrong model, an
unpaid account and a refused option show only in such a request. For a speech vendor, the probe reads a document that
only the key's owner can access, which is free.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec

from control.platform.guarded_http import GuardedTransport
from control.voice.keys import KeyedProvider
from control.voice.vendor_words import read_words, redact
from shared.chat_dialects import STATUS_OF_CODE
from shared.egress import EgressGuard
from shared.errors import Invalid
from shared.providers.chat_question import CompletionApi, read_error
from shared.providers.check import KeyDocument
from vendors.registry import find_check

MAX_ERROR_BYTES: Final = 4_096
# Limit of events before the first word. A server may send empty events, and comments while it computes.
MAX_LINES: Final = 2_000
# Limit of network reads. A server could send a line in single bytes, which cost us more time than the server.
MAX_PARTS: Final = 2 * MAX_LINES
# Limit of the answer's size. A server may send without end, and a line is buffered until it is complete.
MAX_ANSWER_BYTES: Final = 256 * 1024
# The only reason reported for failures before a customer's server answers. Different messages for a closed port, a
# silent host, a host without TLS and an internal name would turn the check into a network scanner.
UNREACHABLE: Final = (
    "no connection: the address has to be on the public internet, with an open port, a certificate for its host and an "
    "answer in time"
)
# Compression is disabled, because a small body could expand to gigabytes.
_UNPACKED: Final = {"Accept-Encoding": "identity"}
# Statuses of answers whose text may show a fault of the key or the account.
_SENTENCE_STATUSES: Final = (400, 403, 429)
_SOCKET_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_QUOTA: Final = re.compile(rb"\bquota\b", re.IGNORECASE)
FindDocument = Callable[[Mapping[str, Any], str], KeyDocument]
_QUESTION: Final = "Say hello in one word."

# Below WARNING these libraries log URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class ProbeFailed(Exception):
    """The server did not answer as expected. The message states the reason and contains no key.

    Args:
        status: HTTP status. 0 without an answer.
        words: The vendor's error text, without the key.
        error: The vendor's error as received.
        is_key_refused: Whether the vendor refuses the key. None derives the value from the status.
    """

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
    """Return whether there is a server that can be probed."""
    check = find_check(provider.offer.vendor)
    if check is None:
        return False
    return check.document is not None or ("llm" in provider.offer.kinds and check.completions is not None)


async def probe(provider: KeyedProvider, timeout_s: float, guard: EgressGuard | None = None) -> float:
    """Probe a provider and return the milliseconds until the answer, or until the first word of a language model.

    Raises ProbeFailed, and Invalid if the provider has no server.

    Args:
        guard: Checks an address given by a customer.
    """
    check = find_check(provider.offer.vendor)
    began = time.perf_counter()
    async with open_client(timeout_s, guard) as http:
        if check is not None and check.completions is not None and "llm" in provider.offer.kinds:
            await _read_first_word(http, check.completions(provider.offer.defaults("llm"), provider.key), provider.key)
        elif check is not None and check.document is not None:
            await _read_document(http, check.document, provider)
        else:
            raise Invalid(f"{provider.offer.provider} has no server to query", param="instance")
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def open_client(timeout_s: float, guard: EgressGuard | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client for a single request with a total time limit. Raises ProbeFailed for all network failures.

    Args:
        guard: Checks an address given by a customer.
    """
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


async def _read_first_word(http: httpx.AsyncClient, api: CompletionApi, key: str) -> None:
    """Read the first word of an answer. Raises ProbeFailed.

    Fields that the model does not accept are omitted in a second request, as in media.
    """
    body = api.make_word_body(_QUESTION)
    while True:
        try:
            return await _ask(http, api, body, key)
        except ProbeFailed as failed:
            refused = api.find_refused_field(failed.error)
            if refused not in body:
                raise
            api.drop_field(body, refused)


async def _ask(http: httpx.AsyncClient, api: CompletionApi, body: Mapping[str, Any], key: str) -> None:
    """Send a request and return when the first word arrives. Raises ProbeFailed."""
    async with http.stream("POST", api.word_url, json=body, headers=api.headers) as response:
        await _require_ok(response, key, api)
        async for line in _lines(response):
            if _has_word(api, line):
                return
    raise ProbeFailed("the answer had no word")


async def _read_document(http: httpx.AsyncClient, find_document: FindDocument, provider: KeyedProvider) -> None:
    """Read a document that only the key's owner can access. Raises ProbeFailed."""
    options = {name: value for kind in ("stt", "tts") for name, value in provider.offer.defaults(kind).items()}
    try:
        document = await asyncio.to_thread(find_document, options, provider.key)  # may compute a signature
    except ValueError as error:
        raise ProbeFailed(str(error), status=401) from None
    async with http.stream("GET", to_http(document.url), headers=document.headers) as response:
        await _require_ok(response, provider.key)


def to_http(url: str) -> str:
    """Return the URL with an HTTP scheme instead of a WebSocket scheme."""
    return _SOCKET_SCHEME.sub("http", url)


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Yield the lines of a response. Raises ProbeFailed for too many lines, bytes, or network reads."""
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
    """Return whether a line of the event stream contains text of the answer."""
    if not line.startswith("data:"):
        return False
    try:
        return api.has_word(msgspec.json.decode(line.removeprefix("data:").strip().encode()))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return False


async def _require_ok(response: httpx.Response, key: str, api: CompletionApi | None = None) -> None:
    """Raise ProbeFailed unless the status is 200.

    The message has the vendor's error code. The vendor's text may repeat the key and is kept separately.

    Args:
        api: The API of a language model. None for speech.
    """
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
    """Return the status that an answer means.

    xAI reports a wrong key (400) or missing credit only in the text. Azure also answers a used up quota with 403.
    """
    if status == 403 and _QUOTA.search(body):
        return 402
    code = _code(read_error(body))
    return STATUS_OF_CODE[code] if status in _SENTENCE_STATUSES and code in STATUS_OF_CODE else status


def _code(error: Mapping[str, Any]) -> str:
    """Return the error code of OpenAI-compatible APIs (`code`), Anthropic (`type`) or Google (`status`; its `code` is a
    number).
    """
    found = (error.get(name) for name in ("code", "type", "status"))
    code = next((candidate for candidate in found if isinstance(candidate, str) and candidate), "")
    return code if len(code) <= 60 and code.isascii() and code.isprintable() else ""
