"""What the API answers when it cannot do what was asked: each error knows its status, code and sentence.

Problem
 ├─ Malformed      400  the request itself cannot be read
 ├─ Unauthorised   401  nobody, or nobody any more
 ├─ Forbidden      403  known, but may not
 ├─ Missing        404  not there, or not for the one who asks
 ├─ Conflict       409  at odds with what is there
 ├─ Invalid        422  a field is wrong; `param` names it
 ├─ TooMany        429  slow down; `retry_after_s` tells for how long
 └─ Unavailable    503  something that is needed is away
"""

from typing import ClassVar


class Problem(Exception):
    """An answer that is no success. The message is shown to whoever asked: nothing secret, nothing internal.

    code: stable, for programs. param: the field at fault, dotted ("config.greeting"). keeps: what was written so far
    is committed all the same (a failed sign-in that is counted, a family of tokens that is revoked).
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    default_code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, code: str = "", param: str | None = None, keeps: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.keeps = keeps


class Malformed(Problem):
    """The request cannot be read."""

    status, type, default_code = 400, "invalid_request", "malformed"


class Unauthorised(Problem):
    """No valid sign-in."""

    status, type, default_code = 401, "authentication", "unauthorised"


class Forbidden(Problem):
    """Signed in, but may not."""

    status, type, default_code = 403, "permission", "forbidden"


class Missing(Problem):
    """Not there; somebody else's counts as not there."""

    status, type, default_code = 404, "not_found", "not_found"


class Conflict(Problem):
    """At odds with what is there."""

    status, type, default_code = 409, "conflict", "conflict"


class Invalid(Problem):
    """A field is wrong."""

    status, type, default_code = 422, "invalid_request", "invalid"


class TooMany(Problem):
    """Too often."""

    status, type, default_code = 429, "rate_limit", "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int, code: str = "", keeps: bool = False) -> None:
        super().__init__(message, code=code, keeps=keeps)
        self.retry_after_s = retry_after_s


class Unavailable(Problem):
    """Something that is needed is away; worth another try."""

    status, type, default_code = 503, "unavailable", "unavailable"
