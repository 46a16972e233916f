"""Searches for numbers that can be bought. Equal searches at about the same time share one request to the carrier."""

import asyncio
from typing import Final

from control.carriers.rules import AvailableNumber, Carrier, CarrierRefused, CarrierUnavailable
from shared.errors import Unavailable

# Seconds that an answer is used for: available numbers change quickly.
_HOLDS_S: Final = 5.0
# Concurrent requests to carriers; further searches are refused.
_AT_ONCE: Final = 4
_LARGEST: Final = 50

_Key = tuple[str, str, str]


class NumberSearch:
    """Answers are cached for `holds_s` seconds, failures are not."""

    def __init__(self, *, holds_s: float = _HOLDS_S, at_once: int = _AT_ONCE) -> None:
        self._holds_s, self._at_once = holds_s, at_once
        self._answers: dict[_Key, tuple[float, list[AvailableNumber]]] = {}
        self._searches: dict[_Key, asyncio.Task[list[AvailableNumber]]] = {}

    async def find_available(self, carrier: Carrier, country: str, area_code: str) -> list[AvailableNumber]:
        """Up to 50 numbers that the carrier offers. country: ISO 3166; area_code: digits, or empty.

        Raises Unavailable (codes carrier_away, carrier_refused, market_busy)."""
        key = (carrier.name, country, area_code)
        found = self._fresh(key)
        if found is None:
            found = await self._ask(carrier, key)
        return found

    def _fresh(self, key: _Key) -> list[AvailableNumber] | None:
        now = asyncio.get_running_loop().time()
        # The dictionary is in the order of the answers' times.
        while self._answers and next(iter(self._answers.values()))[0] + self._holds_s <= now:
            del self._answers[next(iter(self._answers))]
        answer = self._answers.get(key)
        return None if answer is None else answer[1]

    async def _ask(self, carrier: Carrier, key: _Key) -> list[AvailableNumber]:
        task = self._searches.get(key)
        if task is None:
            if len(self._searches) >= self._at_once:
                raise Unavailable("Too many such searches at the moment. Try again.", code="market_busy")
            task = self._searches[key] = asyncio.create_task(self._search(carrier, key))
        try:
            # A caller that stops waiting must not cancel the search for the others.
            return await asyncio.shield(task)
        except CarrierUnavailable:
            raise Unavailable("The phone carrier is unavailable. Try again in a moment.", code="carrier_away") from None
        except CarrierRefused:
            raise Unavailable("The phone carrier refused the search.", code="carrier_refused") from None

    async def _search(self, carrier: Carrier, key: _Key) -> list[AvailableNumber]:
        try:
            found = await carrier.search(key[1], key[2], _LARGEST)
        finally:
            del self._searches[key]
        self._answers.pop(key, None)
        self._answers[key] = (asyncio.get_running_loop().time(), found)
        return found
