"""Runs a type's actions: sends the request with the connection's credentials and reads the answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import structlog

from control.db.pool import Connection
from control.integrations.actions import queries
from control.integrations.actions.rules import (
    ActiveConnection,
    AnswerFailed,
    AnswerUnreadable,
    VendorRecord,
    fill_request,
    map_records,
)
from control.integrations.types.rules import Action, IntegrationTypeConfig
from control.integrations.vendor_http import (
    VendorAnswer,
    VendorHttp,
    VendorNotReached,
    VendorRequest,
    VendorUnreachable,
)

log = structlog.get_logger()


class GrantedAccess(Protocol):
    """Source of access tokens. `Connections` (control/integrations/grants/service.py) implements it."""

    async def access_token(self, workspace_id: UUID, integration_id: UUID, *, refused: str = "") -> str:
        """Return the OAuth access token or the API key, valid for at least a minute.

        Opens its own transactions, so call it outside of a transaction.

        Args:
            workspace_id: Id of the workspace.
            integration_id: Id of the connection.
            refused: A token that the vendor has just refused. The method refreshes this token even if it seems valid,
                and returns it again if it cannot be refreshed.

        Raises:
            NotFound: The connection does not exist.
            Conflict: The connection is not connected (code integration_not_connected).
            Unavailable: The vendor does not answer, or a refresh by another process takes too long.
        """
        ...

    async def close(self) -> None:
        """Wait for running refreshes."""
        ...


# Seconds to wait before the second and the third attempt.
RETRY_DELAYS_S: Final = (0.2, 0.6)
# Longest rate limit, in seconds, that a running call waits for.
LONGEST_RATE_WAIT_S: Final = 2.0
LONGEST_RETRY_AFTER_S: Final = 3_600.0
FailureKind = Literal[
    "unauthorised",  # 401
    "missing",  # 404
    "conflict",  # 409, 412
    "gone",  # 410: the cursor is too old
    "rate_limited",  # 429
    "refused",  # another 4xx such as 403, a redirect, or a failure declared in an answer with status 2xx
    "unavailable",  # 5xx or no answer: the vendor may have carried out the request
    "unreadable",  # success, but the answer does not match the declaration
]
_KINDS: Final[Mapping[int, FailureKind]] = {
    401: "unauthorised",
    404: "missing",
    409: "conflict",
    410: "gone",
    412: "conflict",
    429: "rate_limited",
}


class VendorFailure(Exception):
    """A request failed or its answer was not usable. The message contains no part of the answer.

    Args:
        retry_after_s: Seconds until the rate limit ends.
        is_sent: False if the last attempt was not sent.
    """

    def __init__(self, kind: FailureKind, message: str, retry_after_s: float = 0.0, *, is_sent: bool = True) -> None:
        super().__init__(message)
        self.kind, self.retry_after_s, self.is_sent = kind, retry_after_s, is_sent

    @property
    def is_unknown(self) -> bool:
        """Whether the vendor may have carried the request out."""
        return self.kind in ("unavailable", "unreadable")


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action with its arguments.

    Attributes:
        key: Idempotency key. Repeats of a run share it. Sent in the action's idempotency header and as `{{input.key}}`.
    """

    action: Action
    arguments: Mapping[str, Any]
    key: str = ""

    @property
    def is_repeatable(self) -> bool:
        """Whether the request may be sent again if its outcome is unknown."""
        action = self.action
        return action.read_only or action.repeatable or bool(self.key and (action.idempotency or self._sends_key))

    @property
    def _sends_key(self) -> bool:
        return "input.key" in self.action.request.placeholders()


class ActionRunner:
    """Runs actions and sync requests. Each method opens its own transactions, so call it outside of a transaction."""

    def __init__(self, access: GrantedAccess, http: VendorHttp) -> None:
        self._access, self._http = access, http

    async def close(self) -> None:
        """Wait for running refreshes of grants."""
        await self._access.close()

    async def run(self, connection: ActiveConnection, call: ActionCall) -> list[VendorRecord]:
        """Run an action and return the records of the answer.

        Raises VendorFailure, Invalid if an argument does not fit the request, and the errors of GrantedAccess.
        """
        if missing := connection.missing_settings:
            raise VendorFailure("refused", f"the connection has no {', '.join(missing)} yet", is_sent=False)
        values = {"input": {**call.arguments, "key": call.key}, "config": connection.settings}
        action = call.action
        headers = {action.idempotency: call.key} if action.idempotency and call.key else {}

        def make(token: str) -> VendorRequest:
            return fill_request(connection.type_config, action.request, values, token=token, headers=headers)

        delays = RETRY_DELAYS_S if call.is_repeatable else ()
        _, answer = await self._exchange(connection, make, delays)
        return read_records(lambda document: map_records(action.response, document, values), answer)

    async def fetch(
        self, connection: ActiveConnection, make: Callable[[str], VendorRequest]
    ) -> tuple[VendorRequest, VendorAnswer]:
        """Fetch a page of a sync, without retries. Return the request and the answer.

        Raises VendorFailure and the errors of `make` and GrantedAccess.

        Args:
            make: Builds the request from the access token.
        """
        return await self._exchange(connection, make, None)

    async def _exchange(
        self, connection: ActiveConnection, make: Callable[[str], VendorRequest], delays: Sequence[float] | None
    ) -> tuple[VendorRequest, VendorAnswer]:
        """Send the request, and retry after each of the `delays`.

        Args:
            delays: Seconds before each retry. None disables retries and does not wait for rate limits.
        """
        owner = (connection.workspace_id, connection.id)
        token = await self._access.access_token(*owner)
        try:
            return await self._attempt(connection, make(token), delays)
        except VendorFailure as failure:
            if failure.kind != "unauthorised":
                raise
            fresh = await self._access.access_token(*owner, refused=token)
            if fresh == token:
                raise
        return await self._attempt(connection, make(fresh), delays)

    async def _attempt(
        self, connection: ActiveConnection, request: VendorRequest, delays: Sequence[float] | None
    ) -> tuple[VendorRequest, VendorAnswer]:
        repeats = len(delays) if delays else 0
        waits = iter((*RETRY_DELAYS_S, None) if delays is not None else (None,))
        for number, delay in enumerate(waits):
            try:
                answer = await self._send(connection, request)
                raise_for_status(answer)
                return request, answer
            except VendorFailure as failure:
                wait = _wait_s(failure, delay, number < repeats)
                if wait is None:
                    log.info(
                        "integration.request_failed",
                        integration_id=str(connection.id),
                        kind=failure.kind,
                        type=connection.type,
                    )
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, connection: ActiveConnection, request: VendorRequest) -> VendorAnswer:
        try:
            return await self._http.send(replace(request, owner=str(connection.workspace_id)))
        except VendorUnreachable as error:
            is_sent = not isinstance(error, VendorNotReached)
            raise VendorFailure("unavailable", str(error), is_sent=is_sent) from None


def read_records(read: Any, answer: VendorAnswer) -> list[VendorRecord]:
    """Return the records that `read` extracts from the JSON of the answer.

    An answer without a body is one record without values. Raises VendorFailure (unreadable, refused).
    """
    if answer.status == 204:
        return [{}]
    try:
        records: list[VendorRecord] = read(answer.json())
    except AnswerFailed as error:
        raise VendorFailure("refused", str(error)) from None
    except AnswerUnreadable as error:
        raise VendorFailure("unreadable", str(error)) from None
    return records


def raise_for_status(answer: VendorAnswer) -> None:
    """Raise VendorFailure unless the status is 2xx."""
    if answer.is_success:
        return
    kind = "unavailable" if answer.status >= 500 else _KINDS.get(answer.status, "refused")
    raise VendorFailure(kind, f"the vendor answers with status {answer.status}", _retry_after_s(answer))


def _wait_s(failure: VendorFailure, delay: float | None, is_repeatable: bool) -> float | None:
    """Return the seconds until the next attempt, or None if there must be no further attempt.

    The vendor did not carry out a request that a rate limit refused, so it may be repeated even if it is not
    repeatable.
    """
    if delay is None:
        return None
    if failure.kind == "rate_limited":
        wait = max(delay, failure.retry_after_s)
        return wait if wait <= LONGEST_RATE_WAIT_S else None
    return delay if failure.kind == "unavailable" and is_repeatable else None


def _retry_after_s(answer: VendorAnswer) -> float:
    """Return the seconds of the Retry-After header (RFC 9110, section 10.2.3), which holds seconds or a date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:6])
    else:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):  # OverflowError: the time zone has too many digits
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


# -- Find connections by their actions --


async def find_connection(
    db: Connection, workspace_id: UUID, actions: Sequence[str], integration_id: UUID | None = None
) -> ActiveConnection | None:
    """Return the oldest connection in the workspace whose type declares all of these actions.

    Args:
        integration_id: Restricts the search to this connection.
    """
    return await queries.select_with_actions(db, workspace_id, actions, integration_id)


async def load_connection(db: Connection, workspace_id: UUID, integration_id: UUID) -> ActiveConnection | None:
    """Return the connection. None if it is not connected or its type is disabled."""
    return await queries.select_connection(db, workspace_id, integration_id)


async def list_declared(
    db: Connection, workspace_id: UUID, integration_ids: Sequence[UUID]
) -> Mapping[UUID, IntegrationTypeConfig]:
    """Return the type configs of these integrations, whether connected or not.

    Integrations of other workspaces are left out.
    """
    return await queries.select_type_configs(db, workspace_id, integration_ids)
