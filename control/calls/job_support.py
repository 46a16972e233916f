"""What the jobs of calls share: their payload's decoding, the carrier, and the call's state."""

from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from control.calls import store
from control.calls.state import CallState
from control.carriers.rules import Carrier
from control.db.jobs import JobFailed
from control.db.pool import Pool
from control.db.scope import enter_platform

J = TypeVar("J")


class Gateways(Protocol):
    """The configured carriers."""

    def get(self, name: str) -> Carrier:
        """Raises CarrierRefused."""


def decode_payload(payload: bytes, kind: type[J]) -> J:
    """Raises JobFailed, permanently: another try reads the same."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None


async def load_state(pool: Pool, call_id: UUID) -> CallState | None:
    """The call's state, in a transaction of its own."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, call_id)
    return call.state if call is not None else None


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)
