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
_SOCKET_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_QUOTA: Final = re.compile(rb"\bquota\b", re.IGNORECASE)
FindDocument = Callable[[Mapping[str, Any], str], KeyDocument]
_QUESTION: Final = "Say hello in one word."

# At lower levels these log URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class ProbeFailed(Exception):
    """The server did not answer as it should; the message says why and holds no key.

    Args:
        status: Of HTTP, 0 without an answer.
        words: The vendor's, without the key.
        error: The vendor's, as it came.
        is_key_refused: It is the key that the vendor does not accept; told by the status where it is None.
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
    """Returns whether there is a server that can be asked."""
    check = find_check(provider.offer.vendor)
    if check is None:
        return False
    return check.document is not None or ("llm" in provider.offer.kinds and check.completions is not None)


async def probe(provider: KeyedProvider, timeout_s: float, guard: EgressGuard | None = None) -> float:
    """Milliseconds until the answer; of a language model until its first word. Raises ProbeFailed, and Invalid where
    there is no server.

    Args:
        guard: Where a customer gave the address.
    """
    check = find_check(provider.offer.vendor)
    began = time.perf_counter()
    async with open_client(timeout_s, guard) as http:
        if check is not None and check.completions is not None and "llm" in provider.offer.kinds:
            await _read_first_word(http, check.completions(provider.offer.defaults("llm"), provider.key), provider.key)
        elif check is not None and check.document is not None:
            await _read_document(http, check.document, provider)
        else:
            raise Invalid(f"{provider.offer.provider} has no server that could be asked", param="instance")
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def open_client(timeout_s: float, guard: EgressGuard | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client for one question, which has so long for all of it. Raises ProbeFailed for every failure of the network.

    Args:
        guard: Where a customer gave the address.
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
    """Leaves out a field that the model does not take and asks again, as media does. Raises ProbeFailed."""
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
    """Returns at the first word. Raises ProbeFailed."""
    async with http.stream("POST", api.word_url, json=body, headers=api.headers) as response:
        await _require_ok(response, key, api)
        async for line in _lines(response):
            if _has_word(api, line):
                return
    raise ProbeFailed("the answer had no word")


async def _read_document(http: httpx.AsyncClient, find_document: FindDocument, provider: KeyedProvider) -> None:
    """Raises ProbeFailed."""
    options = {name: value for kind in ("stt", "tts") for name, value in provider.offer.defaults(kind).items()}
    try:
        document = await asyncio.to_thread(find_document, options, provider.key)  # may compute a signature
    except ValueError as error:
        raise ProbeFailed(str(error), status=401) from None
    async with http.stream("GET", to_http(document.url), headers=document.headers) as response:
        await _require_ok(response, provider.key)


def to_http(url: str) -> str:
    """Returns the address of a request in place of a WebSocket's."""
    return _SOCKET_SCHEME.sub("http", url)


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
    """Returns whether a line of the event stream carries a part of the answer."""
    if not line.startswith("data:"):
        return False
    try:
        return api.has_word(msgspec.json.decode(line.removeprefix("data:").strip().encode()))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return False


async def _require_ok(response: httpx.Response, key: str, api: CompletionApi | None = None) -> None:
    """Raises ProbeFailed with the vendor's code in its message; its words, which may repeat the key, apart.

    Args:
        api: Where a language model was asked.
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
    """Returns the status of an answer: xAI's says in a sentence that the key is wrong (400), or the account has no
    credit; Azure's 403 is a used up quota, too."""
    if status == 403 and _QUOTA.search(body):
        return 402
    code = _code(read_error(body))
    return STATUS_OF_CODE[code] if status in _SENTENCE_STATUSES and code in STATUS_OF_CODE else status


def _code(error: Mapping[str, Any]) -> str:
    """Of OpenAI and its like, of Anthropic (`type`), of Google (`status`: its `code` is a number)."""
    found = (error.get(name) for name in ("code", "type", "status"))
    code = next((candidate for candidate in found if isinstance(candidate, str) and candidate), "")
    return code if len(code) <= 60 and code.isascii() and code.isprintable() else ""
