"""What was told while the database was away: in order, sealed, bounded, and there until it is written down."""

from redis.asyncio import Redis

from shared.bus.notes import STREAM, Notes
from shared.secrets import Sealer


async def test_notes_stay_in_order_until_they_are_done(redis: Redis) -> None:
    notes = Notes(redis, Sealer([bytes(32)]))
    assert await notes.oldest(10) == []
    for text in (b"+14155550123 hung up", b"two", b"three"):
        assert await notes.put(text)
    assert b"+14155550123" not in repr(await redis.xrange(STREAM)).encode()
    first, second = await notes.oldest(2)
    assert (first.text, second.text) == (b"+14155550123 hung up", b"two")
    await notes.done([first.id, second.id])
    await notes.done([first.id])
    await notes.done([])
    assert [note.text for note in await notes.oldest(10)] == [b"three"]


async def test_what_is_too_much_is_refused_and_nothing_lost(redis: Redis) -> None:
    notes = Notes(redis, Sealer([bytes(32)]), most=2)
    assert [await notes.put(text) for text in (b"1", b"2", b"3")] == [True, True, False]
    assert [note.text for note in await notes.oldest(10)] == [b"1", b"2"]


async def test_keys_rotate_and_what_nobody_can_open_is_told_as_such(redis: Redis) -> None:
    old, new = bytes(32), bytes(range(32))
    await Notes(redis, Sealer([old])).put(b"before")
    await Notes(redis, Sealer([new, old])).put(b"after")
    assert [note.text for note in await Notes(redis, Sealer([new, old])).oldest(10)] == [b"before", b"after"]
    assert [note.text for note in await Notes(redis, Sealer([new])).oldest(10)] == [None, b"after"]
