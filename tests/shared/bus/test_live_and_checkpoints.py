"""Signs of life that fade, conversations that outlive their node, and the word that a call was over."""

from redis.asyncio import Redis

from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.live import TTL_S, LiveCall, LiveCalls
from shared.events import Usage
from shared.plan import HeardMessage
from shared.secrets import Sealer

CALL = LiveCall("c1", "n1", 0)
SAID = [HeardMessage("user", "my card is 4000"), HeardMessage("assistant", "", [("t1", "end_call", "{}")])]
POINT = Checkpoint("c1", "n1", 1, SAID, 3, Usage(call_ms=5), 1_000, 2_000)


async def test_live_calls_are_found_until_they_are_gone(redis: Redis) -> None:
    live = LiveCalls(redis)
    await live.beat([CALL, LiveCall("c2", "n1", 0)])
    assert [one and one.call_id for one in await live.get(["c2", "none", "c1"])] == ["c2", None, "c1"]
    assert TTL_S - 2 < await redis.ttl("vocalized:live:{c1}") <= TTL_S
    await live.gone(["c1", "none", "c2"])
    assert await live.get(["c1", "c2"]) == [None, None]
    await live.beat([])
    await live.gone([])
    assert await live.get([]) == []


async def test_a_checkpoint_comes_back_whole_and_is_kept_sealed(redis: Redis) -> None:
    points = Checkpoints(redis, Sealer([bytes(32)]))
    assert await points.get("c1") is None
    await points.put(POINT)
    assert await points.get("c1") == POINT
    assert "4000" not in str(await redis.get("vocalized:checkpoint:{c1}"))
    assert await Checkpoints(redis, Sealer([b"\x02" * 32])).get("c1") is None
    await points.forget(["c1", "c2"])
    assert await points.get("c1") is None


async def test_the_word_that_it_is_over_stands(redis: Redis) -> None:
    points = Checkpoints(redis, Sealer([bytes(32)]))
    assert await points.ended("c1") is None
    over = Over(1, "+14155550100")
    await points.end("c1", over)
    assert await points.ended("c1") == over
