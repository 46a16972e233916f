"""Tickets: call plans for media, each stored under a token that one call can claim within a minute.

A plan is sealed for the node that was chosen for the call. It contains the stream credential with which that node signs
its reports on the call.
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
# How long a used token is remembered: longer than the longest call.
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
    """There is no plan under this token for this call.

    Attributes:
        reason: "unknown" (never issued, used or expired), "other_call" or "unreadable".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"no plan: {reason}")
        self.reason = reason


class Ticket(Struct, frozen=True):
    """A plan and the only call that may claim it."""

    carrier: Carrier
    carrier_call_id: str
    plan: CallPlan


class SupervisionGrant(Struct, frozen=True, omit_defaults=True):
    """What a person may do in a running call.

    Attributes:
        session_id: The session that the API opened.
        rights: "listen". Later releases may add others, so unknown rights are ignored.
        right: The node uses it to ask whether the session may continue (`RightCheck`). If it is empty, the node does
            not ask.
    """

    session_id: str
    call_id: str
    rights: tuple[str, ...]
    right: str = ""


class Tickets:
    """Issues tickets and redeems them. Plans are stored sealed, because they hold prompts and providers' keys."""

    def __init__(self, redis: BusClient, unsigned: Sealer | None, identity: NodeIdentity | None = None) -> None:
        """Create a store on the client.

        Args:
            unsigned: Opens tickets of control of the previous version, which does not know the node's key, and seals
                tickets for nodes of the previous version. None does neither.
            identity: The node that redeems tickets.
        """
        self._redis, self._identity, self._unsigned = redis, identity, unsigned

    async def issue(self, ticket: Ticket, ttl_s: int = TTL_S, *, link: Sealer | None = None) -> str:
        """Store a ticket and return a token that is safe in URL paths.

        Args:
            link: Seals the ticket for the chosen node. None if the node has the previous version.

        Raises:
            BusUnavailable: Redis cannot be reached.
        """
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
        """Return the plan and delete the ticket.

        Args:
            call_id: Our id of the call, if the stream carries it. It is sufficient, because Telnyx's ids of a call may
                change.

        Raises:
            TicketRefused: There is no plan for this call.
            BusUnavailable: Redis cannot be reached.
        """
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
        """Return a token that only the node with the call can use, once. `link` leads to that node. Raises
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
        """Return what the token grants, and delete it.

        Raises:
            TicketRefused: The token grants nothing here. The reason is also "other_call" if the token is for another
                node, where it stays valid.
            BusUnavailable: Redis cannot be reached.
        """
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
        """Return whether the ticket waits for its call or was claimed by it, so it has not expired. Raises
        BusUnavailable."""
        async with map_redis_error():
            return bool(await self._redis.exists(_key(token)))

    async def withdraw(self, token: str) -> None:
        """Delete a ticket that no carrier received. Raises BusUnavailable."""
        async with map_redis_error():
            await self._redis.delete(_key(token))

    def _open(self, sealed: bytes) -> bytes:
        """Unseal a ticket. Raises UnsealError."""
        openers = [self._identity.link] if self._identity else []
        openers += [self._unsigned] if self._unsigned else []
        for opener in openers[:-1]:
            with suppress(UnsealError):
                return opener.open(sealed, PURPOSE)
        return openers[-1].open(sealed, PURPOSE)


def _key(token: str) -> str:
    return f"{PREFIX}ticket:{token}"


def _node_reference(node_id: str) -> str:
    """Return a carrier reference that no stream can use, because the word before the colon is not a carrier's name."""
    return f"supervision:{node_id}"


def _call_reference(carrier: str, carrier_call_id: str) -> str:
    return f"{carrier}:{carrier_call_id}"
