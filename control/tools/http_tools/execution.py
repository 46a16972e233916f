"""Runs an HTTP tool: builds the request from a model's arguments, sends it, and turns the answer into text."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import httpx
import msgspec

from control.audit.service import MASK
from control.platform.guarded_http import GuardedTransport
from control.tools.http_tools.rules import PLACEHOLDER, WITH_BODY, HttpTool, HttpToolConfig
from control.tools.rules import REFUSED, UNREACHABLE, hide_secrets, mark_outside
from shared.egress import EgressGuard
from shared.errors import Conflict, Invalid, Problem, Unavailable
from shared.ids import new_id

# -- Building the request from a model's arguments --

# Limit of an address with its query, in characters. Most servers refuse longer addresses.
LONGEST_SENT_URL: Final = 8_000
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class ToolHttpRequest:
    """A request of an HTTP tool.

    Attributes:
        body: JSON. None if the request has no body.
        secrets: Names of headers whose values are never shown.
    """

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
    """Return the request for a run. Raises Invalid (code arguments_invalid) if an argument cannot be part of a path.

    Args:
        arguments: Arguments that match the tool's schema.
        run_id: Sent as Idempotency-Key unless the tool only reads.
    """
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
    """Return the headers. Our own headers override the configured ones.

    Compression is disabled, because a short answer could expand to any size.
    """
    own = {"Accept-Encoding": "identity"}
    if has_body:
        own["Content-Type"] = "application/json"
    if not config.read_only and run_id:
        own[IDEMPOTENCY_KEY] = run_id
    return {"Accept": "application/json, text/*;q=0.9", "User-Agent": "Vocalized", **config.headers, **secrets, **own}


def _mapped(names: Mapping[str, str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments[argument] for name, argument in names.items() if argument in arguments}


def _path_part(name: str, arguments: Mapping[str, Any]) -> str:
    """Return an argument as a path segment. An empty segment, `.` and `..` are rejected, because they address another
    resource.
    """
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


# -- Sending the request --

# Maximum number of bytes that are read from an answer.
MOST_BYTES: Final = 262_144
# Maximum number of chunks that are read from an answer. Each takes 6 µs of the event loop, so 262,144 single-byte
# chunks would take 1.6 s.
MOST_CHUNKS: Final = 16_384
CONNECT_S: Final = 3.0
LONGEST_TYPE: Final = 200


class RequestNotSent(Exception):
    """The request was not sent, because no connection could be opened. The message contains no internal addresses."""


class AnswerLost(Exception):
    """The request may have arrived, but no complete answer was received."""


@dataclass(frozen=True, slots=True)
class ToolHttpAnswer:
    """An answer to a tool's request.

    Attributes:
        body: The first MOST_BYTES or MOST_CHUNKS of the body.
        is_cut: Whether the body is longer.
        content_type: In lower case, without parameters.
    """

    status: int
    content_type: str
    body: bytes
    is_cut: bool


class ToolHttpClient:
    """Sends the requests of tools.

    Args:
        guard: Checks the address of each connection, so that a name that later resolves elsewhere is refused.
    """

    def __init__(self, guard: EgressGuard) -> None:
        self.guard = guard
        self._tls: ssl.SSLContext | None = None

    async def send(self, request: ToolHttpRequest, timeout_s: float, owner: str) -> ToolHttpAnswer:
        """Send the request once, with a total limit of `timeout_s`. A redirect is returned like any other answer.

        Raises RequestNotSent, AnswerLost.

        Args:
            owner: Id of the workspace. Limits on slow DNS look-ups apply per workspace.
        """
        is_sent = False
        try:
            async with asyncio.timeout(timeout_s):
                transport = GuardedTransport(self.guard.of(owner), await self._make_tls())
                limits = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
                async with httpx.AsyncClient(
                    transport=transport, timeout=limits, follow_redirects=False, trust_env=False
                ) as client:
                    sent = client.build_request(
                        request.method, request.url, headers=dict(request.headers), content=request.body
                    )
                    is_sent = True
                    answer = await client.send(sent, stream=True)
                    try:
                        return await _read(answer)
                    finally:
                        await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise RequestNotSent(_why(error)) from None
        except TimeoutError:
            raise AnswerLost(f"there was no whole answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            if not is_sent:
                raise RequestNotSent("the request cannot be made") from None
            raise AnswerLost(f"the connection was lost ({type(error).__name__})") from None

    async def _make_tls(self) -> ssl.SSLContext:
        """Return the shared TLS context. It is created in a thread, because it loads over a hundred certificates."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        return self._tls


async def _read(answer: httpx.Response) -> ToolHttpAnswer:
    parts, size = [], 0
    async for part in answer.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES or len(parts) > MOST_CHUNKS:
            break
    is_cut = size > MOST_BYTES or len(parts) > MOST_CHUNKS
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()[:LONGEST_TYPE]
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        kind = "application/octet-stream"  # the server compressed the answer although the request forbids it
    return ToolHttpAnswer(answer.status_code, kind, b"".join(parts)[:MOST_BYTES], is_cut)


def _why(error: httpx.HTTPError) -> str:
    """Return the guard's message. Other messages may contain an address and are replaced."""
    return str(error) if "public internet" in str(error) else "there is no connection"


# -- Mapping the answer for a model --

MISSING: Final = None
_TEXT_TYPES: Final = ("application/json", "application/xml", "application/x-www-form-urlencoded", "")


class AnswerUnfit(Exception):
    """The answer cannot be passed to a model. The message states the reason."""


def map_answer(config: HttpToolConfig, answer: ToolHttpAnswer) -> str:
    """Return the values at the config's pointers as JSON, with null for missing values. Without pointers, return the
    whole text.

    Raises AnswerUnfit.
    """
    if not _is_text(answer.content_type):
        # The type is not named: it is the server's text, and this sentence is not marked as outside data.
        raise AnswerUnfit("is not text")
    if not config.result:
        return _compact(answer)
    if answer.is_cut:
        raise AnswerUnfit(f"has more than {len(answer.body):,} bytes")
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AnswerUnfit("is not valid JSON") from None
    return json.dumps({name: find_value(value, at) for name, at in config.result.items()}, ensure_ascii=False)


def find_value(value: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer, or None if it does not exist.

    https://www.rfc-editor.org/rfc/rfc6901#section-4
    """
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return MISSING
    return value


def _compact(answer: ToolHttpAnswer) -> str:
    """Return JSON without white space, so that more of it fits. Other texts are returned unchanged."""
    try:
        return msgspec.json.encode(msgspec.json.decode(answer.body)).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return answer.body.decode("utf-8", "replace")


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))


# -- Running a tool --

UNFIT: Final = "tool_answer_unfit"
# Maximum number of characters of a refusal that the model gets as the reason.
LONGEST_REASON: Final = 500
# The server did not process the request (https://www.rfc-editor.org/rfc/rfc9110#section-15.6). It is repeated after
# RETRY_S.
_AGAIN: Final = (502, 503, 504)
RETRY_S: Final = 0.2
# Redirects that mean that the server did not carry out the request. 302 and 303 are excluded, because many servers
# answer a booking with a redirect to its page: https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4
_NOT_DONE: Final = (301, 307, 308)
# With less time left, a second request would not finish.
_LEAST_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class HttpExecution:
    """Runs an HTTP tool: sends one request, and repeats it once if a repeat is safe.

    Attributes:
        name: Name of the tool.
        owner: Id of the workspace.
        secrets: Secret header values, which are masked in the answer.
    """

    client: ToolHttpClient
    name: str
    config: HttpToolConfig
    owner: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def run(self, request: ToolHttpRequest, timeout_s: float) -> str:
        """Return the result, marked as outside data.

        Raises:
            Conflict: The request was not carried out (codes tool_refused, tool_unreachable), or it was, and the answer
                is unusable (code tool_answer_unfit).
            Unavailable: It is unknown whether the request was carried out.
        """
        return self.read(await self._send(request, timeout_s))

    def read(self, answer: ToolHttpAnswer) -> str:
        """Return the result for an answer. Raises the errors of `run`."""
        if 200 <= answer.status < 300:
            return self._result(answer)
        if 300 <= answer.status < 400:
            if answer.status not in _NOT_DONE and not self.config.read_only:
                raise Unavailable(f"{self.name} answered with a redirect (status {answer.status}), not followed.")
            message = f"{self.name} answered with a redirect (status {answer.status}), which is not followed."
            raise Conflict(message, code=REFUSED)
        if answer.status >= 500 and not self.config.read_only:
            raise Unavailable(f"{self.name} answered with status {answer.status}.")
        raise Conflict(self._refusal(answer), code=REFUSED)

    async def _send(self, request: ToolHttpRequest, timeout_s: float) -> ToolHttpAnswer:
        """Send the request. If the tool only reads, retry once within the same time limit."""
        until = asyncio.get_running_loop().time() + timeout_s
        try:
            answer = await self._send_once(request, timeout_s)
        except (RequestNotSent, AnswerLost) as error:
            if self._left_s(until) < _LEAST_S or not self._may_repeat(error):
                raise self._problem(error) from None
        else:
            if answer.status not in _AGAIN or not self.config.read_only or self._left_s(until) < _LEAST_S:
                return answer
        await asyncio.sleep(RETRY_S)
        try:
            return await self._send_once(request, self._left_s(until))
        except (RequestNotSent, AnswerLost) as error:
            raise self._problem(error) from None

    async def _send_once(self, request: ToolHttpRequest, timeout_s: float) -> ToolHttpAnswer:
        return await self.client.send(request, timeout_s, self.owner)

    def _may_repeat(self, error: Exception) -> bool:
        return self.config.read_only and "public internet" not in str(error)

    def _left_s(self, until: float) -> float:
        return until - asyncio.get_running_loop().time() - RETRY_S

    def _problem(self, error: Exception) -> Conflict | Unavailable:
        if isinstance(error, RequestNotSent):
            return Conflict(f"{self.name} cannot be reached: {error}. Nothing was done.", code=UNREACHABLE)
        if self.config.read_only:
            return Conflict(f"{self.name} did not answer: {error}.", code=UNREACHABLE)
        return Unavailable(f"{self.name} did not answer: {error}.")

    def _result(self, answer: ToolHttpAnswer) -> str:
        try:
            text = map_answer(self.config, answer)
        except AnswerUnfit as unfit:
            done = "" if self.config.read_only else " The request was carried out."
            raise Conflict(f"The answer of {self.name} {unfit}.{done}", code=UNFIT) from None
        return self._marked(text, self.config.max_result_chars)

    def _refusal(self, answer: ToolHttpAnswer) -> str:
        words = f"{self.name} answered with status {answer.status}."
        if not answer.body.strip():
            return words
        text = answer.body.decode("utf-8", "replace")
        return f"{words}\n{self._marked(text, LONGEST_REASON)}"

    def _marked(self, text: str, most: int) -> str:
        return mark_outside(hide_secrets(text, self.secrets), self.name, most)


# -- Trials by members --

# Maximum number of characters of the answer's body that a member sees.
SHOWN_BODY: Final = 20_000


@dataclass(frozen=True, slots=True)
class HttpTrial:
    """The outcome of a trial.

    Attributes:
        answer: None if no answer was received. Then `error` has the reason.
        result: The text for the model. None if there is an error.
    """

    request: ToolHttpRequest
    answer: ToolHttpAnswer | None
    answer_body: str
    result: str | None
    error: str | None
    took_ms: int


async def try_http_tool(
    client: ToolHttpClient, tool: HttpTool, secrets: Mapping[str, str], arguments: Mapping[str, Any]
) -> HttpTrial:
    """Send the request once, even if the tool allows repeats. Raises Invalid (code arguments_invalid)."""
    loop = asyncio.get_running_loop()
    began, owner = loop.time(), str(tool.workspace_id)
    request = make_request(tool.config, secrets, arguments, new_id())
    answer = result = error = None
    try:
        answer = await client.send(request, tool.config.timeout_s, owner)
        answer = replace(answer, content_type=hide_secrets(answer.content_type, secrets))
        result = HttpExecution(client, tool.name, tool.config, owner, secrets).read(answer)
    except (RequestNotSent, AnswerLost) as failed:
        error = f"{failed}."
    except Problem as problem:
        error = problem.message
    return HttpTrial(
        request=request,
        answer=answer,
        answer_body="" if answer is None else _shown(answer, secrets),
        result=result,
        error=error,
        took_ms=round((loop.time() - began) * 1_000),
    )


def _shown(answer: ToolHttpAnswer, secrets: Mapping[str, str]) -> str:
    """Return the beginning of the body. Secrets are masked before the text is cut, because a cut could leave part of a
    secret.
    """
    return hide_secrets(answer.body.decode("utf-8", "replace"), secrets)[:SHOWN_BODY]
