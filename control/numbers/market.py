"""What can be bought at a carrier: asked once for all who want to know the same at about the same time."""

import asyncio
from typing import Final

from control.carriers.model import Available, Carrier, CarrierAway, CarrierRefused
from shared.errors import Unavailable

# Numbers go quickly: what is older is not shown.
_HOLDS_S: Final = 5.0
# Questions in the air; further ones are asked for patience.
_AT_ONCE: Final = 4
_LARGEST: Final = 50

_Key = tuple[str, str, str]


class Market:
    """Answers are kept for a few seconds, failures not at all."""

    def __init__(self, *, holds_s: float = _HOLDS_S, at_once: int = _AT_ONCE) -> None:
        self._holds_s, self._at_once = holds_s, at_once
        self._kept: dict[_Key, tuple[float, list[Available]]] = {}
        self._asked: dict[_Key, asyncio.Task[list[Available]]] = {}

    async def available(self, carrier: Carrier, country: str, area_code: str, limit: int) -> list[Available]:
        """Up to `limit` numbers. country: ISO 3166; area_code: digits, or empty. limit: at most 50.

        Raises Unavailable (codes carrier_away, carrier_refused, market_busy)."""
        key = (carrier.name, country, area_code)
        found = self._fresh(key)
        if found is None:
            found = await self._ask(carrier, key)
        return found[:limit]

    def _fresh(self, key: _Key) -> list[Available] | None:
        now = asyncio.get_running_loop().time()
        # The oldest come first.
        while self._kept and next(iter(self._kept.values()))[0] + self._holds_s <= now:
            del self._kept[next(iter(self._kept))]
        kept = self._kept.get(key)
        return None if kept is None else kept[1]

    async def _ask(self, carrier: Carrier, key: _Key) -> list[Available]:
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= self._at_once:
                raise Unavailable("Too many such searches at the moment. Try again.", code="market_busy")
            task = self._asked[key] = asyncio.create_task(self._search(carrier, key))
        try:
            # Who gives up waiting does not spoil it for the others.
            return await asyncio.shield(task)
        except CarrierAway:
            raise Unavailable("The phone carrier is away. Try again in a moment.", code="carrier_away") from None
        except CarrierRefused:
            raise Unavailable("The phone carrier refuses to tell.", code="carrier_refused") from None

    async def _search(self, carrier: Carrier, key: _Key) -> list[Available]:
        try:
            found = await carrier.search(key[1], key[2], _LARGEST)
        finally:
            del self._asked[key]
        self._kept.pop(key, None)
        self._kept[key] = (asyncio.get_running_loop().time(), found)
        return found
