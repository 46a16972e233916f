"""The errors that the API returns.

Each has an HTTP status, a stable code and a message.

Problem
 ├─ Malformed        400  the request cannot be parsed
 ├─ Unauthorized     401  no valid sign-in
 ├─ Forbidden        403  signed in, but not allowed
 ├─ NotFound         404  does not exist, or belongs to somebody else
 ├─ Conflict         409  contradicts the present state
 ├─ Invalid          422  a field is invalid; `param` names it
 ├─ TooManyRequests  429  rate limit; retry after `retry_after_s`
 └─ Unavailable      503  a dependency cannot be reached
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One fault of a request."""

    param: Annotated[
        str | None,
        Field(description="The field, dotted; null where no field is at fault.", examples=["config.greeting"]),
    ]
    code: Annotated[str, Field(description="Stable, for programs.", examples=["invalid"])]
    message: Annotated[str, Field(description="For people.", examples=["name must not be empty."])]


class Problem(Exception):
    """An error answer. The client sees the message, so it contains no secrets and no internal details.

    Attributes:
        code: Stable, for programs.
        param: The invalid field, dotted ("config.greeting").
        errors: All faults in order. By default, the problem itself is the only one.
        commits: The transaction is committed despite the error, for example to count a failed sign-in or to revoke a
            family of tokens.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    default_code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        param: str | None = None,
        commits: bool = False,
        errors: Sequence[ErrorDetail] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.commits = commits
        self.errors = tuple(errors) or (ErrorDetail(param, self.code, message),)


class Malformed(Problem):
    """The server cannot parse the request."""

    status, type, default_code = 400, "invalid_request", "malformed"


class Unauthorized(Problem):
    """The request has no valid sign-in."""

    status, type, default_code = 401, "authentication", "unauthorised"


class Forbidden(Problem):
    """The user is signed in, but not allowed to do this."""

    status, type, default_code = 403, "permission", "forbidden"


class NotFound(Problem):
    """The object does not exist. Objects of other owners get the same answer."""

    status, type, default_code = 404, "not_found", "not_found"


class Conflict(Problem):
    """The request contradicts the present state."""

    status, type, default_code = 409, "conflict", "conflict"


class Invalid(Problem):
    """A field is invalid."""

    status, type, default_code = 422, "invalid_request", "invalid"


class TooManyRequests(Problem):
    """A rate limit is exceeded."""

    status, type, default_code = 429, "rate_limit", "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int, code: str = "", commits: bool = False) -> None:
        super().__init__(message, code=code, commits=commits)
        self.retry_after_s = retry_after_s


class Unavailable(Problem):
    """A dependency cannot be reached; the client may retry."""

    status, type, default_code = 503, "unavailable", "unavailable"
