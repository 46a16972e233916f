"""Deferred webhooks: in order, sealed, limited in number, stored until they are removed."""

from shared.bus.client import BusClient
from shared.bus.webhook_queue import STREAM, DeferredWebhooks
from shared.secrets import Sealer


async def test_webhooks_stay_in_order_until_they_are_removed(redis: BusClient) -> None:
    webhooks = DeferredWebhooks(redis, Sealer([bytes(32)]))
    assert await webhooks.oldest(10) == []
    for text in (b"+14155550123 hung up", b"two", b"three"):
        assert await webhooks.add(text)
    assert b"+14155550123" not in repr(await redis.xrange(STREAM)).encode()
    first, second = await webhooks.oldest(2)
    assert (first.text, second.text) == (b"+14155550123 hung up", b"two")
    await webhooks.remove([first.id, second.id])
    await webhooks.remove([first.id])
    await webhooks.remove([])
    assert [webhook.text for webhook in await webhooks.oldest(10)] == [b"three"]


async def test_limit_refuses_the_newest(redis: BusClient) -> None:
    webhooks = DeferredWebhooks(redis, Sealer([bytes(32)]), most=2)
    assert [await webhooks.add(text) for text in (b"1", b"2", b"3")] == [True, True, False]
    assert [webhook.text for webhook in await webhooks.oldest(10)] == [b"1", b"2"]


async def test_unsealable_webhook_has_no_text(redis: BusClient) -> None:
    old, new = bytes(32), bytes(range(32))
    await DeferredWebhooks(redis, Sealer([old])).add(b"before")
    await DeferredWebhooks(redis, Sealer([new, old])).add(b"after")
    assert [webhook.text for webhook in await DeferredWebhooks(redis, Sealer([new, old])).oldest(10)] == [
        b"before",
        b"after",
    ]
    assert [webhook.text for webhook in await DeferredWebhooks(redis, Sealer([new])).oldest(10)] == [None, b"after"]
