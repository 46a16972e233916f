"""Live calls, checkpoints and stream outcomes."""

import msgspec

from shared.bus.authority import BusAuthority
from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.client import BusClient
from shared.bus.live import MOST_AGE_S, PURPOSE, TTL_S, LiveCall, LiveCalls
from shared.bus.stream_credentials import StreamCredential, StreamCredentialKeys
from shared.events import CallUsage
from shared.plan import HeardMessage
from shared.secrets import Sealer

KEY = b"\x07" * 32
CREDENTIAL = StreamCredentialKeys([KEY]).issue("c1", 0, "0-abc-def")
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


async def put_kept_entry(redis: BusClient, age_s: float, stream_credential: StreamCredential = CREDENTIAL) -> None:
    """Writes an entry that the call's node wrote so many seconds ago."""
    seconds, _ = await redis.time()
    kept = msgspec.structs.replace(CALL, at_ms=round((seconds - age_s) * 1_000))
    await redis.set("vocalized:live:{c1}", stream_credential.seal(msgspec.json.encode(kept), PURPOSE))


async def test_rejects_an_entry_that_was_kept_and_written_again(redis: BusClient) -> None:
    """Its call is over, or its node is gone: who believed it would wait for the node."""
    forged: list[tuple[str, str]] = []
    control = LiveCalls(redis, BusAuthority([KEY], report=lambda kind, why: forged.append((kind, why))))
    await LiveCalls(redis).refresh([CALL], {"c1": CREDENTIAL})
    (found,) = await control.get(["c1"])
    assert found is not None and found.node_id == "n1"
    for age_s, is_believed in ((MOST_AGE_S - 5, True), (MOST_AGE_S + 5, False), (-MOST_AGE_S - 5, False)):
        await put_kept_entry(redis, age_s)
        assert [one is not None for one in await control.get(["c1"])] == [is_believed]
    await redis.set("vocalized:live:{c1}", CREDENTIAL.seal(msgspec.json.encode(CALL), PURPOSE))
    assert await control.get(["c1"]) == [None], "without a time"
    assert forged == [("live", "replayed")] * 3


async def test_an_entry_is_believed_by_the_clock_that_redis_has_now(redis: BusClient) -> None:
    control = LiveCalls(redis, BusAuthority([KEY]))
    await LiveCalls(redis).refresh([CALL], {"c1": CREDENTIAL})
    assert await control.get(["c1"]) != [None]
    assert control._ahead_ms is not None
    control._ahead_ms += 3_600_000.0  # Redis went back since it was asked
    assert await control.get(["c1"]) != [None]


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
