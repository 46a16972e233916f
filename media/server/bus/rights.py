"""Queries control whether sockets that people opened may stay open (docs/decisions/0054)."""

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from media.server.bus.requests import RequestClient
from media.tools.remote import CallIdentity
from shared.bus.client import BusUnavailable
from shared.bus.requests import RequestRefused, RequestTimedOut, RightCheck

# Control's answer if its record shows that the call is over, which ends all rights in the call.
CALL_OVER: Final = "call_not_running"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RightsPace:
    """How often rights are checked, in seconds.

    A socket whose right is gone is closed after `every` and one answer. Without answers, it is closed after at most
    `lasts + ask`.

    Attributes:
        every: The time between two checks.
        ask: The time limit of one answer.
        lasts: How long a right is valid after a positive answer.
        retry: The time until the next check after an unanswered one. Another API process may answer it.
    """

    every: float = 10.0
    ask: float = 5.0
    lasts: float = 25.0
    retry: float = 2.0


PACE: Final = RightsPace()


class RightChecks:
    """Checks the rights of this node's sockets, each with its own requests."""

    def __init__(self, requests: RequestClient, pace: RightsPace) -> None:
        self._requests, self._pace = requests, pace

    async def ask(self, call: CallIdentity, name: str, right: str) -> bool | None:
        """Return whether the right is valid, or None if control does not answer.

        Args:
            name: The name of the request.
        """
        arguments = msgspec.json.encode(RightCheck(right))
        try:
            return await self._requests.ask(call, name, arguments, deadline_s=self._pace.ask) == b"true"
        except RequestRefused as refusal:
            return False if refusal.code == CALL_OVER else None
        except (RequestTimedOut, BusUnavailable):
            return None

    async def wait_revoked(self, call: CallIdentity, name: str, right: str) -> None:
        """Return when the right is gone, or could not be confirmed for too long."""
        now = asyncio.get_running_loop().time
        until = now() + self._pace.lasts
        while True:
            asked_at = now()
            holds = await self.ask(call, name, right)
            if holds:
                until = asked_at + self._pace.lasts
            if holds is False or now() >= until:
                log.info("right.revoked", call_id=call.call_id, request=name, is_answered=holds is False)
                return
            await asyncio.sleep(min(self._pace.every if holds else self._pace.retry, until - now()))
