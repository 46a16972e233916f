"""What the providers of all calls share is bounded, however many accounts plans name."""

import asyncio
from typing import Any

import aiohttp
import pytest

from media.providers import vendor
from media.providers.vendor import VendorResources
from vendors.cartesia import media as cartesia_media
from vendors.deepgram import media as deepgram_media
from vendors.openai import media as openai_media
from vendors.standin.media import VENDOR as STANDIN

VENDORS = (cartesia_media.VENDOR, deepgram_media.VENDOR, openai_media.VENDOR, STANDIN)


class Account:
    """Counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


async def test_the_account_that_was_used_longest_ago_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "MAX_ACCOUNTS", 3)
    async with aiohttp.ClientSession() as http:
        resources = VendorResources(http)
        made = [resources.share_account(key, Account, Account.close) for key in "abc"]
        assert resources.share_account("a", Account, Account.close) is made[0]
        made.append(resources.share_account("d", Account, Account.close))
        await asyncio.sleep(0)
        assert [one.closed for one in made] == [0, 1, 0, 0]
        assert resources.share_account("b", Account, Account.close) is not made[1]
        await resources.close()
        assert [one.closed for one in made] == [1, 1, 1, 1]


async def test_customers_cannot_make_it_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with an address, a key and a model of its own; what a call has in use stays usable."""
    monkeypatch.setattr(vendor, "MAX_ACCOUNTS", 20)
    async with aiohttp.ClientSession() as http:
        resources = VendorResources(http)
        for number in range(60):
            for one in VENDORS:
                for adapter in (one.stt, one.llm, one.tts):
                    if adapter is not None and one is not STANDIN:
                        options: dict[str, Any] = {"base_url": f"https://{number}.test", "api_key": f"k{number}"}
                        options |= {"model": f"m{number}"} if one is openai_media.VENDOR else {}
                        adapter.make(vendor.ProviderSetup("x", adapter.options(**options), resources))
            await asyncio.sleep(0)
        assert len(resources._accounts) == 20
        assert not resources._shared
        assert len(resources._ending) < 5
        await resources.close()
