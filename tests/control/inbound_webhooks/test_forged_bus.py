"""Attacks of somebody who can write to Redis, or has a media node: each of them worked before."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest

from control.calls.live.service import MediaAssignment
from control.calls.records.details import decode_details
from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.enrollment import NodeIdentity
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.stream_credentials import StreamCredential
from shared.bus.tickets import TicketRefused, Tickets
from shared.events import CallUsage
from shared.plan import CallPlan, HeardMessage
from tests.control.inbound_webhooks.inbox.test_database_unavailable import database_unavailable
from tests.platform.services import KEY
from tests.platform.trust import make_identity
from tests.platform.webhook_reply import PUBLIC_URL, WebhookReply
from tests.platform.webhooks import WebhookPlatform, running_webhooks

PREMIUM, HUMAN, HERE, ELSEWHERE = (
    "+19005550199",
    "+14155557777",
    "wss://media-1.example.com",
    "wss://media-2.example.com",
)


@dataclass
class Attacked:
    """The webhooks, which believe nothing without a proof, and two genuine nodes."""

    platform: WebhookPlatform
    nodes: dict[str, NodeIdentity]

    async def beat(self) -> None:
        """Heartbeats of the genuine nodes; m1 is the less loaded one."""
        for number, (url, identity) in enumerate(self.nodes.items()):
            state = NodeState(f"m{number + 1}", url, calls=number, capacity=100)
            await NodeRegistry(self.platform.redis, identity=identity).heartbeat(state)

    async def ring(self, sid: str) -> WebhookReply:
        """A call comes in."""
        await self.beat()
        return await self.platform.ring_twilio(sid)

    async def connect(self, sid: str) -> tuple[WebhookReply, UUID, CallPlan]:
        """A call whose stream the chosen node has taken."""
        reply = await self.ring(sid)
        assert reply.verbs == ["Connect"]
        tickets = Tickets(self.platform.redis, None, self.nodes[HERE])
        plan = await tickets.claim(reply.ticket, "twilio", sid)
        return reply, (await self.platform.call_row(sid))["id"], plan

    async def ask(self, action: str, sid: str) -> WebhookReply:
        """The carrier asks what comes after the stream."""
        await self.beat()
        form = {"CallSid": sid, "CallStatus": "in-progress", "Direction": "inbound"}
        return await self.platform.post_twilio(action, form)

    async def speak(self, call_id: UUID, outcome: StreamOutcome, stream_credential: StreamCredential | None) -> None:
        """Writes an outcome as a node does."""
        await Checkpoints(self.platform.redis, None).put_outcome(
            str(call_id), outcome, stream_credential=stream_credential
        )


@pytest.fixture
async def attacked(database_url: str, valkey_url: str) -> AsyncIterator[Attacked]:
    async with running_webhooks(database_url, valkey_url, accepts_unsigned=False, outcome_wait_s=0.2) as platform:
        await platform.redis.flushall()
        await platform.execute("DELETE FROM webhook_events")
        yield Attacked(platform, {url: make_identity([KEY], url) for url in (HERE, ELSEWHERE)})


def stream_credential_of(plan: CallPlan) -> StreamCredential:
    return StreamCredential.parse(plan.stream_credential)


async def until_assigned(attacked: Attacked, sid: str) -> None:
    """Until the row has the node of the call, which is written after the answer."""

    async def has_node() -> bool:
        return bool((await attacked.platform.call_row(sid))["media_node"])

    await attacked.platform.wait_until(has_node)


def forged(attacked: Attacked, kind: str) -> float:
    """Entries of this kind that were counted as forged."""
    found = attacked.platform.registry.collect()
    samples = [sample for metric in found for sample in metric.samples]
    return sum(
        one.value for one in samples if one.name == "vocalized_control_bus_forged_total" and one.labels["kind"] == kind
    )


async def test_the_node_of_the_call_is_believed(attacked: Attacked) -> None:
    reply, call_id, plan = await attacked.connect("FA1")
    await attacked.speak(call_id, StreamOutcome(0, HUMAN), stream_credential_of(plan))
    dialed = await attacked.ask(reply.action, "FA1")
    assert dialed.verbs == ["Dial"] and dialed.xml[0].findtext("Number") == HUMAN


async def test_whoever_writes_an_outcome_to_redis_transfers_nobody(attacked: Attacked) -> None:
    reply, call_id, _ = await attacked.connect("FA2")
    await attacked.speak(call_id, StreamOutcome(0, HUMAN), None)
    assert (await attacked.ask(reply.action, "FA2")).verbs == ["Connect"], "the call goes on with the agent"
    assert forged(attacked, "outcome") > 0


async def test_a_stolen_node_speaks_of_its_own_calls_only(attacked: Attacked) -> None:
    """It has the stream credential of another call, and an enrollment of its own."""
    reply, call_id, _ = await attacked.connect("FA3")
    _, own_call, own_plan = await attacked.connect("FA3b")
    assert own_call != call_id
    await attacked.speak(call_id, StreamOutcome(0, HUMAN), stream_credential_of(own_plan))
    assert (await attacked.ask(reply.action, "FA3")).verbs == ["Connect"]
    assert forged(attacked, "outcome") > 0


async def test_a_stolen_node_cannot_have_a_premium_number_dialed(attacked: Attacked) -> None:
    reply, call_id, plan = await attacked.connect("FA4")
    await attacked.speak(call_id, StreamOutcome(0, PREMIUM), stream_credential_of(plan))
    answer = await attacked.ask(reply.action, "FA4")
    assert "Dial" not in answer.verbs and PREMIUM not in answer.text


async def test_without_a_database_no_premium_number_is_dialed_either(attacked: Attacked) -> None:
    reply, call_id, plan = await attacked.connect("FA5")
    await attacked.speak(call_id, StreamOutcome(0, PREMIUM), stream_credential_of(plan))
    async with database_unavailable(attacked.platform):
        answer = await attacked.ask(reply.action, "FA5")
    assert "Dial" not in answer.verbs and PREMIUM not in answer.text


async def test_nor_where_the_rules_of_the_workspace_cannot_be_read(attacked: Attacked) -> None:
    """The database fails between the call's row and the rules: what a number alone tells still holds."""
    for sid, number, verbs in (("FA5b", PREMIUM, ["Say", "Hangup"]), ("FA5c", HUMAN, ["Dial"])):
        reply, call_id, plan = await attacked.connect(sid)
        await attacked.speak(call_id, StreamOutcome(0, number), stream_credential_of(plan))
        async with database_unavailable(attacked.platform, "phone_numbers"):
            answer = await attacked.ask(reply.action, sid)
        assert answer.verbs == verbs and PREMIUM not in answer.text


async def test_no_caller_is_led_to_a_host_of_somebody_elses(attacked: Attacked) -> None:
    """The registry holds an entry without a proof, one of a stranger's key, and a genuine one with another address."""
    redis, evil = attacked.platform.redis, "wss://evil.example.net"
    await NodeRegistry(redis).heartbeat(NodeState("e1", evil, 0, 1_000))
    stranger = make_identity([b"\x07" * 32], evil)
    await NodeRegistry(redis, identity=stranger).heartbeat(NodeState("e2", evil, 0, 1_000))
    await NodeRegistry(redis, identity=attacked.nodes[HERE]).heartbeat(NodeState("e3", evil, 0, 1_000))
    signed = NodeState("e4", HERE, 0, 1_000).signed(attacked.nodes[HERE], round(time.time() * 1000))
    await NodeRegistry(redis).heartbeat(msgspec.structs.replace(signed, url=evil))
    reply, _, _ = await attacked.connect("FA6")
    assert "evil" not in reply.text and forged(attacked, "node") >= 3


async def test_a_ticket_is_sealed_for_the_chosen_node(attacked: Attacked) -> None:
    """Another node, which read the token, learns neither prompt nor keys."""
    reply = await attacked.ring("FA7")
    other = Tickets(attacked.platform.redis, None, attacked.nodes[ELSEWHERE])
    with pytest.raises(TicketRefused, match="unreadable"):
        await other.claim(reply.ticket, "twilio", "FA7")


async def test_a_captured_webhook_cannot_make_a_second_stream(attacked: Attacked) -> None:
    """Neither the first webhook of a call, nor the one after a stream that is resumed."""
    reply, call_id, _ = await attacked.connect("FA8")
    assert (await attacked.ring("FA8")).ticket == reply.ticket
    resumed = await attacked.ask(reply.action, "FA8")
    assert resumed.verbs == ["Connect"] and resumed.ticket != reply.ticket
    replayed = await attacked.ask(reply.action, "FA8")
    assert (replayed.ticket, replayed.action) == (resumed.ticket, resumed.action)
    assert (await attacked.platform.call_row("FA8"))["id"] == call_id


async def test_nor_after_redis_has_forgotten_the_first_one(attacked: Attacked) -> None:
    """However often it is replayed, once the node has reported its call to the new Redis."""
    _, call_id, plan = await attacked.connect("FA12")
    await until_assigned(attacked, "FA12")
    await attacked.platform.redis.flushall()
    live = LiveCall(str(call_id), "m1", 0, attacked.nodes[HERE].card)
    await LiveCalls(attacked.platform.redis).refresh([live], {str(call_id): stream_credential_of(plan)})
    for _ in range(3):
        replayed = await attacked.ring("FA12")
        for node in attacked.nodes.values():
            with pytest.raises(TicketRefused, match="unknown"):
                await Tickets(attacked.platform.redis, None, node).claim(replayed.ticket, "twilio", "FA12")
    assert (await attacked.platform.call_row("FA12"))["media_node"] == "m1"


async def test_a_carrier_that_repeats_after_redis_was_lost_gets_a_stream(attacked: Attacked) -> None:
    """No node reports the call: its answer was lost together with what Redis knew."""
    await attacked.ring("FA13")
    await until_assigned(attacked, "FA13")
    await attacked.platform.redis.flushall()
    _, _, plan = await attacked.connect("FA13")
    assert plan.stream_credential


async def test_replays_at_the_same_moment_make_one_stream(attacked: Attacked) -> None:
    """Whoever reads along sends the webhook once more before the first one is answered."""
    reply, _, _ = await attacked.connect("FA10")
    answers = await asyncio.gather(*(attacked.ask(reply.action, "FA10") for _ in range(4)))
    assert len({(answer.ticket, answer.action) for answer in answers}) == 1
    assert decode_details((await attacked.platform.call_row("FA10"))["details"]).leg == 1


async def test_replays_after_a_failed_transfer_make_one_stream(attacked: Attacked) -> None:
    reply, call_id, plan = await attacked.connect("FA11")
    await attacked.speak(call_id, StreamOutcome(0, HUMAN), stream_credential_of(plan))
    dialed = await attacked.ask(reply.action, "FA11")
    failed = {"CallSid": "FA11", "CallStatus": "in-progress", "Direction": "inbound", "DialCallStatus": "busy"}
    action = dialed.xml[0].attrib["action"].removeprefix(PUBLIC_URL)
    answers = await asyncio.gather(*(attacked.platform.post_twilio(action, failed) for _ in range(4)))
    assert answers[0].verbs == ["Connect"] and len({answer.ticket for answer in answers}) == 1


async def test_a_revoked_node_gets_no_call_and_its_calls_go_on_elsewhere(attacked: Attacked) -> None:
    reply, call_id, plan = await attacked.connect("FA9")
    stream_credential, redis = stream_credential_of(plan), attacked.platform.redis
    said = [HeardMessage("user", "Hello.")]
    checkpoint = Checkpoint(str(call_id), "m1", 0, said, turn=1, usage=CallUsage(), began_ms=1, at_ms=9)
    await Checkpoints(redis, None).put(checkpoint, stream_credential=stream_credential)
    live = LiveCall(str(call_id), "m1", 0, attacked.nodes[HERE].card)
    await LiveCalls(redis).refresh([live], {str(call_id): stream_credential})
    media = attacked.platform.services[MediaAssignment]
    assert await media.is_streaming(call_id, 0)
    attacked.platform.authority.enrollment.revoke({HERE: 1 << 40})
    assert not await media.is_streaming(call_id, 0)
    await attacked.speak(call_id, StreamOutcome(0, HUMAN), stream_credential)
    resumed = await attacked.ask(reply.action, "FA9")
    assert resumed.verbs == ["Connect"] and ELSEWHERE in resumed.text and HERE not in resumed.text
    plan = await Tickets(redis, None, attacked.nodes[ELSEWHERE]).claim(resumed.ticket, "twilio", "FA9")
    assert plan.resume is not None and plan.resume.messages == said
    assert ELSEWHERE in (await attacked.ring("FA9b")).text
