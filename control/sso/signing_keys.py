"""Public keys of providers, kept for a while, and fetched anew when a token names one that is not known (rotation)."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWKError, PyJWKSetError

Fetch = Callable[[str, str], Awaitable[dict[str, Any]]]

KEPT_S: Final = 600.0
# An unknown key fetches the set anew no more often, so that forged tokens are no flood for the provider.
REFETCH_S: Final = 30.0
MOST_SETS: Final = 1_000
MOST_KEYS: Final = 50


@dataclass(slots=True)
class _KeySet:
    keys: list[PyJWK]
    fetched_at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SigningKeys:
    """fetch: the document at an address, on behalf of a workspace."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] | None = None) -> None:
        self._fetch = fetch
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        # By address and workspace: one workspace's look-ups tell another nothing.
        self._sets: OrderedDict[tuple[str, str], _KeySet] = OrderedDict()

    async def find(self, url: str, owner: str, key_id: object, algorithm: str) -> Any:
        """The public key with this id that signs by this algorithm; without an id, the only such key. None without one.
        Raises what `fetch` raises."""
        known = self._sets.setdefault((url, owner), _KeySet([], float("-inf")))
        self._sets.move_to_end((url, owner))
        if len(self._sets) > MOST_SETS:
            self._sets.popitem(last=False)
        async with known.lock:
            age = self._clock() - known.fetched_at
            if age > KEPT_S or (_choose(known.keys, key_id, algorithm) is None and age > REFETCH_S):
                await self._refresh(known, url, owner)
            found = _choose(known.keys, key_id, algorithm)
            return None if found is None else found.key

    async def _refresh(self, known: _KeySet, url: str, owner: str) -> None:
        known.keys = _parse(await self._fetch(url, owner))
        known.fetched_at = self._clock()


def _parse(document: dict[str, Any]) -> list[PyJWK]:
    """Empty for what is no set. Keys that PyJWT cannot use are left out."""
    try:
        return list(PyJWKSet.from_dict(document).keys)[:MOST_KEYS]
    except (PyJWKError, PyJWKSetError, TypeError, ValueError, AttributeError):
        return []


def _choose(keys: list[PyJWK], key_id: object, algorithm: str) -> PyJWK | None:
    fitting = [key for key in keys if key.public_key_use in (None, "sig") and _fits(key, algorithm)]
    if key_id is not None:
        return next((key for key in fitting if key.key_id == key_id), None)
    return fitting[0] if len(fitting) == 1 else None


def _fits(key: PyJWK, algorithm: str) -> bool:
    """An RSA key without `alg` counts as RS256 in PyJWT, and may sign by the others of its kind."""
    family = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
    return key.key_type == family
