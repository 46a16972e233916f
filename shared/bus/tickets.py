"""Plans on their way from control to media, each under a token that one call can claim once, within a minute."""

import secrets
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.plan import CallPlan
from shared.secrets import Sealer, UnsealError

PURPOSE: Final = "ticket"
TTL_S: Final = 60
_TOKEN_BYTES: Final = 24
# The call is compared before the ticket is deleted, so that a claim by another call does not consume it.
_CLAIM: Final = """
local call = redis.call('HGET', KEYS[1], 'call')
if not call then return 0 end
if call ~= ARGV[1] and (ARGV[2] == '' or redis.call('HGET', KEYS[1], 'call_id') ~= ARGV[2]) then return 1 end
local plan = redis.call('HGET', KEYS[1], 'plan')
redis.call('DEL', KEYS[1])
return plan
"""

Carrier = Literal["twilio", "telnyx", "browser"]


class TicketRefused(Exception):
    """There is no plan under this token for this call. reason: "unknown" (never issued, used or expired), "other_call",
    "unreadable"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no plan: {reason}")
        self.reason = reason


class Ticket(Struct, frozen=True):
    """A plan and the only call that may claim it."""

    carrier: Carrier
    carrier_call_id: str
    plan: CallPlan


class Tickets:
    """Issues tickets and redeems them. Plans are stored sealed, because they hold prompts and providers' keys."""

    def __init__(self, redis: BusClient, sealer: Sealer) -> None:
        self._redis, self._sealer = redis, sealer
        self._claim = redis.register_script(_CLAIM)

    async def issue(self, ticket: Ticket, ttl_s: int = TTL_S) -> str:
        """Returns a token that is safe in URL paths. Raises BusUnavailable."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sealed = self._sealer.seal(msgspec.json.encode(ticket.plan), PURPOSE)
        call = _call_reference(ticket.carrier, ticket.carrier_call_id)
        fields: dict[Any, Any] = {"call": call, "call_id": ticket.plan.call_id or "", "plan": sealed}
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_key(token), mapping=fields)
            pipe.expire(_key(token), ttl_s)
            await pipe.execute()
        return token

    async def claim(self, token: str, carrier: Carrier, carrier_call_id: str, call_id: str = "") -> CallPlan:
        """Returns the plan and deletes the ticket. call_id: ours, where the stream carries it: it suffices, because
        Telnyx's ids of a call may change. Raises TicketRefused, BusUnavailable."""
        async with map_redis_error():
            found = await self._claim(keys=[_key(token)], args=[_call_reference(carrier, carrier_call_id), call_id])
        if isinstance(found, int):
            raise TicketRefused("other_call" if found else "unknown")
        try:
            return msgspec.json.decode(self._sealer.open(found, PURPOSE), type=CallPlan)
        except (UnsealError, msgspec.DecodeError):
            raise TicketRefused("unreadable") from None


def _key(token: str) -> str:
    return f"{PREFIX}ticket:{token}"


def _call_reference(carrier: str, carrier_call_id: str) -> str:
    return f"{carrier}:{carrier_call_id}"
