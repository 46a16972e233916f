"""Tickets: plans on their way to media, each under a token that one call can claim within a minute.

A plan is sealed for the node that was chosen for the call. It holds the stream credential with which that node signs
what it reports of the call.
"""

import secrets
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.bus.enrollment import NodeIdentity
from shared.bus.functions import NodeFunction
from shared.json_text import decode_json
from shared.plan import CallPlan
from shared.secrets import Sealer, UnsealError

PURPOSE: Final = "ticket"
SUPERVISION_PURPOSE: Final = "supervision ticket"
TTL_S: Final = 60
# How long a used token is known as used: longer than the longest call.
USED_S: Final = 6 * 3600
_TOKEN_BYTES: Final = 24
# The call is compared before the ticket is deleted, so that a claim by another call does not consume it.
CLAIM: Final = NodeFunction(
    "claim",
    """
local call = redis.call('HGET', KEYS[1], 'call')
if not call then return 0 end
if call ~= ARGV[1] and (ARGV[2] == '' or redis.call('HGET', KEYS[1], 'call_id') ~= ARGV[2]) then return 1 end
local plan = redis.call('HGET', KEYS[1], 'plan')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'used', '1')
redis.call('EXPIRE', KEYS[1], ARGV[3])
return plan
""",
)

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


class SupervisionGrant(Struct, frozen=True, omit_defaults=True):
    """What a person may do in a running call. session_id: of the session that the API opened. rights: "listen"; later
    releases may add others, so unknown ones are ignored. right: the node asks with it whether the session may go on
    (`RightCheck`); empty: it does not ask."""

    session_id: str
    call_id: str
    rights: tuple[str, ...]
    right: str = ""


class Tickets:
    """Issues tickets and redeems them. Plans are stored sealed, because they hold prompts and providers' keys."""

    def __init__(self, redis: BusClient, unsigned: Sealer | None, identity: NodeIdentity | None = None) -> None:
        """unsigned: opens tickets of control of the version before, which is not told which node it seals for, and
        seals for such nodes; None does neither. identity: of the node that redeems."""
        self._redis, self._identity, self._unsigned = redis, identity, unsigned

    async def issue(self, ticket: Ticket, ttl_s: int = TTL_S, *, link: Sealer | None = None) -> str:
        """Returns a token that is safe in URL paths. link: to the chosen node; None: a node of the version before.
        Raises BusUnavailable."""
        sealer = link or self._unsigned
        assert sealer is not None, "a node without a key is only of the version before"
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sealed = sealer.seal(msgspec.json.encode(ticket.plan), PURPOSE)
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
            reference = _call_reference(carrier, carrier_call_id)
            found = await CLAIM.call(self._redis, [_key(token)], [reference, call_id, USED_S])
        if isinstance(found, int):
            raise TicketRefused("other_call" if found else "unknown")
        try:
            plan = decode_json(self._open(found), type=CallPlan)
        except (UnsealError, msgspec.DecodeError):
            raise TicketRefused("unreadable") from None
        if self._unsigned is None and not plan.stream_credential:
            raise TicketRefused("unreadable")
        return plan

    async def issue_supervision(self, grant: SupervisionGrant, node_id: str, link: Sealer, ttl_s: int = TTL_S) -> str:
        """Returns a token for the node that has the call; only that node can use it, once. link: to that node. Raises
        BusUnavailable."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sealed = link.seal(msgspec.json.encode(grant), SUPERVISION_PURPOSE)
        fields: dict[Any, Any] = {"call": _node_reference(node_id), "plan": sealed}
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_key(token), mapping=fields)
            pipe.expire(_key(token), ttl_s)
            await pipe.execute()
        return token

    async def claim_supervision(self, token: str, node_id: str) -> SupervisionGrant:
        """Returns what the token grants and uses it up. Raises TicketRefused ("other_call" also for a token of another
        node, which stays valid there) and BusUnavailable."""
        async with map_redis_error():
            found = await CLAIM.call(self._redis, [_key(token)], [_node_reference(node_id), "", USED_S])
        if isinstance(found, int):
            raise TicketRefused("other_call" if found else "unknown")
        try:
            if self._identity is None:
                raise TicketRefused("unreadable")
            return decode_json(self._identity.link.open(found, SUPERVISION_PURPOSE), type=SupervisionGrant)
        except (UnsealError, msgspec.DecodeError):
            raise TicketRefused("unreadable") from None

    async def is_known(self, token: str) -> bool:
        """Whether the ticket waits for its call, or was claimed by it: it did not expire. Raises BusUnavailable."""
        async with map_redis_error():
            return bool(await self._redis.exists(_key(token)))

    async def withdraw(self, token: str) -> None:
        """Deletes a ticket that no carrier was told of. Raises BusUnavailable."""
        async with map_redis_error():
            await self._redis.delete(_key(token))

    def _open(self, sealed: bytes) -> bytes:
        """Raises UnsealError."""
        openers = [self._identity.link] if self._identity else []
        openers += [self._unsigned] if self._unsigned else []
        for opener in openers[:-1]:
            with suppress(UnsealError):
                return opener.open(sealed, PURPOSE)
        return openers[-1].open(sealed, PURPOSE)


def _key(token: str) -> str:
    return f"{PREFIX}ticket:{token}"


def _node_reference(node_id: str) -> str:
    """The colon-free word before it is the name of no carrier, so no stream can claim the ticket."""
    return f"supervision:{node_id}"


def _call_reference(carrier: str, carrier_call_id: str) -> str:
    return f"{carrier}:{carrier_call_id}"
