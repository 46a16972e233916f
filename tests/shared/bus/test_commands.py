"""Commands reach their node in order, are answered, and an unreadable one stops nobody."""

from redis.asyncio import Redis

from shared.bus.commands import DONE, Commands, EndCall, Order, SayWords, TransferCall

ORDERS = [
    Order("1", "c1", EndCall("admin", polite=True)),
    Order("2", "c1", SayWords("Hello.")),
    Order("3", "c2", TransferCall("+14155550100", "One moment.")),
]


async def test_a_node_reads_its_own_in_order(redis: Redis) -> None:
    commands = Commands(redis)
    for order in ORDERS:
        await commands.post("n1", order)
    await commands.post("n2", ORDERS[0])
    assert 0 < await redis.ttl("vocalized:commands:{n2}") <= 86_400
    after, found = await commands.read("n1", "0", 0.01)
    assert found == ORDERS
    assert await commands.read("n1", after, 0.01) == (after, [])


async def test_what_cannot_be_read_is_passed_over(redis: Redis) -> None:
    commands = Commands(redis)
    await redis.xadd("vocalized:commands:{n1}", {b"c": b'{"id":"1","command":{"type":"format_disk"}}'})
    await redis.xadd("vocalized:commands:{n1}", {b"other": b""})
    await commands.post("n1", ORDERS[1])
    assert (await commands.read("n1", "0", 0.01))[1] == [ORDERS[1]]


async def test_the_answer_is_waited_for_and_bounded(redis: Redis) -> None:
    commands = Commands(redis)
    assert await commands.outcome("1", 0.0) is None
    await commands.answer("1", DONE)
    assert await commands.outcome("1", 5.0) == DONE
