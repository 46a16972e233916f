"""Errors of the client. Each is a VocalizedError."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class VocalizedError(Exception):
    """Base of all errors of the client."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pools of processes send errors by pickle, which would call the class with the message alone."""
        return _restore, (type(self), self.args, self.__dict__)


class ConnectionFailed(VocalizedError):
    """No answer came. was_sent: False if the API cannot have seen the request; True if it may have carried it out."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class RequestTimedOut(ConnectionFailed):
    """No answer came in time."""


class AnswerInvalid(VocalizedError):
    """An answer is not what the API documents: a proxy answered, or the API is older than the client."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the request. param: its name as in the request, `hours[2].opens`; None if the
    error concerns no field."""

    param: str | None
    code: str
    message: str


class ApiError(VocalizedError):
    """The API refused the request.

    status: of HTTP. code: the stable name of the error, one of `ErrorCode`, or a newer one. param: the first faulty
    field. errors: all faulty fields. request_id: what support asks for. retry_after_s: when to try again."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        param: str | None = None,
        errors: tuple[FieldError, ...] = (),
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        place = f" ({param})" if param else ""
        super().__init__(f"{status} {code}{place}: {message} [request {request_id or 'unknown'}]")
        self.message, self.status, self.code, self.param = message, status, code, param
        self.errors, self.request_id, self.retry_after_s = errors, request_id, retry_after_s


class AuthenticationFailed(ApiError):
    """401: the key or token is missing, wrong, expired or revoked."""


class PermissionRefused(ApiError):
    """403: the key lacks a scope, or the member a role."""


class NotFound(ApiError):
    """404: there is no such thing in this workspace."""


class StateConflict(ApiError):
    """409: the state of things forbids it, such as a limit that is reached."""


class RequestInvalid(ApiError):
    """400, 413, 415 or 422: the request is wrong; `errors` names each faulty field."""


class RateLimited(ApiError):
    """429: too many requests or calls; `retry_after_s` says when to try again."""


class ServerFailed(ApiError):
    """5xx: the API failed or is not available."""


def _restore(kind: type[VocalizedError], arguments: tuple[Any, ...], fields: dict[str, Any]) -> VocalizedError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error


_KINDS: Mapping[int, type[ApiError]] = {
    400: RequestInvalid,
    401: AuthenticationFailed,
    403: PermissionRefused,
    404: NotFound,
    409: StateConflict,
    413: RequestInvalid,
    415: RequestInvalid,
    422: RequestInvalid,
    429: RateLimited,
}


def make_error(status: int, body: object, *, request_id: str, retry_after_s: float | None) -> ApiError:
    """The error of an answer. body: its JSON, or None for an answer of a proxy that is none."""
    kind = ServerFailed if status >= 500 else _KINDS.get(status, ApiError)
    found = body.get("error") if isinstance(body, dict) else None
    error: Mapping[str, Any] = found if isinstance(found, dict) else {}
    return kind(
        str(error.get("message", "The answer has no body of an error.")),
        status=status,
        code=str(error.get("code", "")),
        param=error.get("param"),
        errors=tuple(_field_errors(error.get("errors"))),
        request_id=str(error.get("request_id") or request_id),
        retry_after_s=retry_after_s,
    )


def _field_errors(errors: object) -> list[FieldError]:
    listed = errors if isinstance(errors, list) else []
    return [
        FieldError(one.get("param"), str(one.get("code", "")), str(one.get("message", "")))
        for one in listed
        if isinstance(one, dict)
    ]
