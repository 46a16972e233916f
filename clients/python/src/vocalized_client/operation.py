"""One request as data: what is sent, and how its answer is read. Knows no network."""

import json
import platform
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote

from .errors import AnswerInvalid, ApiError, make_error
from .values import NotGiven, decode, encode, encode_text

Answer = TypeVar("Answer")
_REPEATABLE_METHODS: Final = frozenset({"GET", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Operation:
    """path: with its parameters in braces, which `path_values` fills. query: values that are not given are left out.
    body: JSON, or a file. idempotency_key: empty where the API takes none. accept: the
    type of answer that is asked for."""

    method: str
    path: str
    path_values: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | None = None
    idempotency_key: str = ""
    accept: str = "application/json"

    @property
    def is_repeatable(self) -> bool:
        """Whether carrying it out twice does what once does."""
        return self.method in _REPEATABLE_METHODS or bool(self.idempotency_key)

    @property
    def url(self) -> str:
        """Path and values, without the query. Raises ValueError for an empty value, which would be another path."""
        url = self.path
        for name, value in self.path_values.items():
            text = encode_text(value)
            if text in ("", ".", ".."):
                raise ValueError(f"{name} must not be {text!r}")
            url = url.replace("{" + name + "}", quote(text, safe=""))
        return url

    @property
    def params(self) -> dict[str, str]:
        """The query as text."""
        given = {name: value for name, value in self.query.items() if not isinstance(value, NotGiven)}
        return {name: encode_text(value) for name, value in given.items() if value is not None}

    @property
    def headers(self) -> dict[str, str]:
        """Headers of this request, beside those of the client."""
        headers = {"Accept": self.accept}
        if self.idempotency_key:
            headers["Idempotency-Key"] = self.idempotency_key
        if self.body is not None:
            is_file = isinstance(self.body, bytes)
            headers["Content-Type"] = "application/octet-stream" if is_file else "application/json"
        return headers

    @property
    def content(self) -> bytes | None:
        """The body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(encode(self.body), allow_nan=False, separators=(",", ":")).encode()

    def after(self, parameter: str, value: object) -> "Operation":
        """The same request for what follows this row."""
        return replace(self, query={**self.query, parameter: value})


def make_key(key: str | None) -> str:
    """The caller's Idempotency-Key, or a new one. Raises ValueError for one that is empty, too long, or no ASCII."""
    if key is not None and not 1 <= len(key) <= 255:
        raise ValueError(f"idempotency_key must have 1 to 255 characters, has {len(key)}")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ValueError("idempotency_key must be printable ASCII")
    return key or str(uuid.uuid4())


def read_answer(kind: type[Answer], content: bytes) -> Answer:
    """The answer as this type. Numbers with a fraction become Decimals without a detour by floats. Raises
    AnswerInvalid."""
    answer: Answer = decode(kind, read_json(content))
    return answer


def read_json(content: bytes) -> Any:
    """Raises AnswerInvalid."""
    try:
        return json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise AnswerInvalid("the answer is no JSON") from error


def read_error(status: int, headers: Mapping[str, str], content: bytes) -> ApiError:
    """The error of an answer that is no success."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return make_error(
        status,
        body,
        request_id=headers.get("Vocalized-Request-Id", ""),
        retry_after_s=_seconds(headers.get("Retry-After", "")),
    )


def _seconds(text: str) -> float | None:
    """Whole seconds, as the API sends them; a proxy's date is left alone."""
    return float(text) if text.isascii() and text.isdecimal() else None


def user_agent(version: str) -> str:
    """Name and version of the client and of Python."""
    return f"vocalized-python/{version} python/{platform.python_version()}"


class Credential:
    """An API key, or the token of a member's sign-in; or a function that returns one and is asked before each attempt,
    because tokens of members end after minutes. Its representation hides the secret."""

    __slots__ = ("_source",)

    def __init__(self, source: str | Callable[[], str] | None) -> None:
        self._source = _check_secret(source) if isinstance(source, str) else source

    def __repr__(self) -> str:
        return "Credential(none)" if self._source is None else "Credential(***)"

    @property
    def headers(self) -> dict[str, str]:
        """The header that signs a request in; empty without a credential. Raises ValueError if the function returns
        what cannot be sent."""
        if self._source is None:
            return {}
        secret = self._source if isinstance(self._source, str) else _check_secret(self._source())
        return {"Authorization": f"Bearer {secret}"}


def _check_secret(secret: str) -> str:
    """Raises ValueError without the secret; the errors of the HTTP library would show it."""
    if not (secret.isascii() and secret.isprintable() and secret and " " not in secret):
        raise ValueError("api_key must be printable ASCII without spaces")
    return secret


@dataclass(frozen=True, slots=True)
class Cursor:
    """How a list goes on: `parameter` takes the `field` of the last row. rows: the answer's field with the rows."""

    parameter: str
    field: str
    rows: str
