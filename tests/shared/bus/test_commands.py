"""Commands reach their node in order and are answered; invalid ones are skipped."""

from shared.bus.client import BusClient
from shared.bus.commands import DONE, CallCommand, CommandStream, EndCall, SayText, TransferCall

COMMANDS = [
    CallCommand("1", "c1", EndCall("admin", polite=True)),
    CallCommand("2", "c1", SayText("Hello.")),
    CallCommand("3", "c2", TransferCall("+14155550100", "One moment.")),
]


async def test_node_reads_its_own_commands_in_order(redis: BusClient) -> None:
    commands = CommandStream(redis)
    for command in COMMANDS:
        await commands.send("n1", command)
    await commands.send("n2", COMMANDS[0])
    assert 0 < await redis.ttl("vocalized:commands:{n2}") <= 86_400
    after, found = await commands.read("n1", "0", 0.01)
    assert found == COMMANDS
    assert await commands.read("n1", after, 0.01) == (after, [])


async def test_invalid_command_is_skipped(redis: BusClient) -> None:
    commands = CommandStream(redis)
    await redis.xadd("vocalized:commands:{n1}", {b"c": b'{"id":"1","command":{"type":"format_disk"}}'})
    await redis.xadd("vocalized:commands:{n1}", {b"other": b""})
    await commands.send("n1", COMMANDS[1])
    assert (await commands.read("n1", "0", 0.01))[1] == [COMMANDS[1]]


async def test_one_sending_of_a_command_is_claimed(redis: BusClient) -> None:
    commands = CommandStream(redis)
    first, second = (CallCommand("1", "c1", SayText("Hello."), sending) for sending in ("first", "second"))
    assert not await commands.is_claimed("1")
    assert await commands.claim(first)
    assert await commands.is_claimed("1")
    assert await commands.claim(first), "the reply to the first question may have been lost"
    assert not await commands.claim(second)
    assert 86_400 < await redis.ttl("vocalized:command:{1}") <= 2 * 86_400


async def test_wait_for_an_answer_ends_at_its_limit(redis: BusClient) -> None:
    commands = CommandStream(redis)
    assert await commands.wait_for_answer("1", 0.0) is None
    await commands.answer("1", DONE)
    assert await commands.wait_for_answer("1", 5.0) == DONE
    await commands.forget_answer("1")
    assert await commands.wait_for_answer("1", 0.0) is None
