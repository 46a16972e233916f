"""Live calls, checkpoints and stream outcomes."""

from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.client import BusClient
from shared.bus.live import TTL_S, LiveCall, LiveCalls
from shared.events import CallUsage
from shared.plan import HeardMessage
from shared.secrets import Sealer

CALL = LiveCall("c1", "n1", 0)
SAID = [HeardMessage("user", "my card is four thousand"), HeardMessage("assistant", "", [("t1", "end_call", "{}")])]
CHECKPOINT = Checkpoint(
    call_id="c1", node_id="n1", leg=1, messages=SAID, turn=3, usage=CallUsage(call_ms=5), began_ms=1_000, at_ms=2_000
)


async def test_live_calls_are_found_until_removed(redis: BusClient) -> None:
    live = LiveCalls(redis)
    await live.refresh([CALL, LiveCall("c2", "n1", 0)])
    assert [call and call.call_id for call in await live.get(["c2", "none", "c1"])] == ["c2", None, "c1"]
    assert TTL_S - 2 < await redis.ttl("vocalized:live:{c1}") <= TTL_S
    await live.remove(["c1", "none", "c2"])
    assert await live.get(["c1", "c2"]) == [None, None]
    await live.refresh([])
    await live.remove([])
    assert await live.get([]) == []


async def test_checkpoint_is_stored_sealed(redis: BusClient) -> None:
    checkpoints = Checkpoints(redis, Sealer([bytes(32)]))
    assert await checkpoints.get("c1") is None
    await checkpoints.put(CHECKPOINT)
    assert await checkpoints.get("c1") == CHECKPOINT
    assert "thousand" not in str(await redis.get("vocalized:checkpoint:{c1}"))
    assert await Checkpoints(redis, Sealer([b"\x02" * 32])).get("c1") is None
    await checkpoints.delete(["c1", "c2"])
    assert await checkpoints.get("c1") is None


async def test_outcome_is_stored(redis: BusClient) -> None:
    checkpoints = Checkpoints(redis, Sealer([bytes(32)]))
    assert await checkpoints.get_outcome("c1") is None
    outcome = StreamOutcome(1, "+14155550100")
    await checkpoints.put_outcome("c1", outcome)
    assert await checkpoints.get_outcome("c1") == outcome
