"""Plans on their way from control to media: under a token that is good for one claim, by one call, for a minute."""

import secrets
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.bus.client import PREFIX, told
from shared.plan import CallPlan
from shared.secrets import Sealer, Unsealable

PURPOSE: Final = "ticket"
TTL_S: Final = 60
_TOKEN_BYTES: Final = 24
# The binding is looked at before the ticket is taken: whoever comes with a wrong call must not burn it.
_CLAIM: Final = """
local kept = redis.call('HGET', KEYS[1], 'call')
if not kept then return 0 end
if kept ~= ARGV[1] then return 1 end
local plan = redis.call('HGET', KEYS[1], 'plan')
redis.call('DEL', KEYS[1])
return plan
"""

Carrier = Literal["twilio", "telnyx", "browser"]


class NoTicket(Exception):
    """No plan under this token for this call. reason: "unknown" (never issued, used or too old), "other_call",
    "unreadable"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no plan: {reason}")
        self.reason = reason


class Ticket(Struct, frozen=True):
    """A plan and the one call that may claim it."""

    carrier: Carrier
    carrier_call_id: str
    plan: CallPlan


class Tickets:
    """Issues and claims. What is kept is sealed: prompts, and the providers' keys."""

    def __init__(self, redis: Redis, sealer: Sealer) -> None:
        self._redis, self._sealer = redis, sealer
        self._claim = redis.register_script(_CLAIM)

    async def issue(self, ticket: Ticket, ttl_s: int = TTL_S) -> str:
        """A token, safe in paths. Raises BusAway."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sealed = self._sealer.seal(msgspec.json.encode(ticket.plan), PURPOSE)
        fields: dict[Any, Any] = {"call": _call(ticket.carrier, ticket.carrier_call_id), "plan": sealed}
        async with told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_key(token), mapping=fields)
            pipe.expire(_key(token), ttl_s)
            await pipe.execute()
        return token

    async def claim(self, token: str, carrier: Carrier, carrier_call_id: str) -> CallPlan:
        """The plan, once. Raises NoTicket, BusAway."""
        async with told():
            found = await self._claim(keys=[_key(token)], args=[_call(carrier, carrier_call_id)])
        if isinstance(found, int):
            raise NoTicket("other_call" if found else "unknown")
        try:
            return msgspec.json.decode(self._sealer.open(found, PURPOSE), type=CallPlan)
        except (Unsealable, msgspec.DecodeError):
            raise NoTicket("unreadable") from None


def _key(token: str) -> str:
    return f"{PREFIX}ticket:{token}"


def _call(carrier: str, carrier_call_id: str) -> str:
    return f"{carrier}:{carrier_call_id}"
