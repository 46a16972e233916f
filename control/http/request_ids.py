"""The two ids of a request: our own, by which logs and the audit log go, and the caller's.

The caller's is never used in place of ours: it may repeat, and may be another request's. In logs it is a field of its
own.
"""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from shared.ids import new_id

HEADER: Final = "X-Request-Id"
OWN_HEADER: Final = "Vocalized-Request-Id"
# UUIDs, hexadecimal, base64, and AWS's trace ids; no white space, quotes, brackets or @, so that it needs no escapes in
# logs and cannot be an e-mail address.
_SAFE: Final = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """own: UUIDv7. caller: as sent in X-Request-Id; None without one, or for one that is too long or not safe."""

    own: str
    caller: str | None

    def headers(self) -> dict[str, str]:
        """The caller's id comes back under its own name; without one that name holds ours."""
        return {HEADER: self.caller or self.own, OWN_HEADER: self.own}

    def log_fields(self) -> dict[str, str]:
        """For the line of a request."""
        fields = {"request_id": self.own}
        return fields if self.caller is None else fields | {"client_request_id": self.caller}


def make_request_ids(request: web.Request) -> RequestIds:
    """A new id of ours, and the caller's."""
    sent = request.headers.get(HEADER, "")
    return RequestIds(new_id(), sent if _SAFE.fullmatch(sent) else None)
