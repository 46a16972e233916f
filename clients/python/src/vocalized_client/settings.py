"""What a client needs to reach the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from .errors import AnswerInvalid, ConnectionFailed, RequestTimedOut
from .operation import Credential, Operation
from .retries import RetryPolicy

# A server that answers takes the connection at once; the longest answers of the API take a few seconds.
CONNECT_S = 5.0
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """timeout_s: the longest wait in an attempt for a free connection, and for each next part of the answer; connecting
    takes CONNECT_S at most. headers: sent with every request."""

    base_url: str
    credential: Credential
    workspace_id: UUID | str | None
    timeout_s: float
    retries: RetryPolicy
    user_agent: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("base_url must be an http or https address without a user")
        if parts.query or parts.fragment:
            raise ValueError("base_url must have no query and no fragment: paths are added at its end")
        if self.timeout_s <= 0:
            raise ValueError(f"timeout_s must be above 0, is {self.timeout_s}")
        if any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("headers must not have Authorization: use api_key")

    @property
    def timeout(self) -> httpx.Timeout:
        """As httpx takes it."""
        return httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s))

    def workspace(self, workspace_id: UUID | str | None) -> UUID | str:
        """The workspace of a request: its own, else the client's. Raises ValueError without one."""
        chosen = workspace_id or self.workspace_id
        if not chosen:
            raise ValueError("workspace_id is missing: give it to the client or to the method")
        return chosen

    def request(self, operation: Operation) -> dict[str, Any]:
        """The arguments of httpx's `build_request`."""
        return {
            "method": operation.method,
            "url": self.base_url.rstrip("/") + operation.url,
            "params": operation.params or None,
            "content": operation.content,
            "headers": self._headers(operation),
            "timeout": self.timeout,
        }

    def _headers(self, operation: Operation) -> httpx.Headers:
        """A later one replaces one of the same name in any case. Their representation hides the secret."""
        headers = httpx.Headers({"User-Agent": self.user_agent})
        for more in (self.headers, operation.headers, self.credential.headers):
            headers.update(more)
        return headers


def connection_error(error: httpx.RequestError) -> ConnectionFailed:
    """Our error of httpx's. A request without a connection was not sent."""
    was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    kind = RequestTimedOut if isinstance(error, httpx.TimeoutException) else ConnectionFailed
    return kind(f"{type(error).__name__}: {error}", was_sent=was_sent)


def redirect_target(response: httpx.Response) -> str:
    """Where a file is, of an answer that leads to storage. Raises AnswerInvalid."""
    location = response.headers.get("Location", "")
    try:
        target = response.url.join(location)
    except httpx.InvalidURL:
        location, target = "", response.url
    if not location or target.scheme not in ("http", "https"):
        raise AnswerInvalid(f"the answer {response.status_code} leads to no address")
    return str(target)
