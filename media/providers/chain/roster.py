"""The providers of one chain: who is asked next, who rests after a failure, and telling of every switch."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Literal, Protocol, TypeVar

from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow
from shared.events import ProviderFailed

OnFailed = Callable[[ProviderFailed], None]
Kind = Literal["stt", "llm", "tts"]


class Named(Protocol):
    """Any provider."""

    name: str


P = TypeVar("P", bound=Named)


class Roster(Generic[P]):
    """The list order is the order of choice; those that failed less than `rest_s` seconds ago come last."""

    def __init__(self, kind: Kind, providers: Sequence[P], on_failed: OnFailed, rest_s: float) -> None:
        if not providers:
            raise ValueError(f"{kind}: an empty chain")
        self.providers = tuple(providers)
        self._kind = kind
        self._on_failed = on_failed
        self._rest_s = rest_s
        self._rests_until = [0.0] * len(providers)

    def walk(self, start: int | None = None) -> "Walk[P]":
        """A walk for one request, each provider at most once (a lone one may be tried again).

        start: the provider that is in use already; it comes first, and as the last resort again.
        """
        now = asyncio.get_running_loop().time()
        order = sorted(range(len(self.providers)), key=lambda index: self._rests_until[index] > now)
        if start is not None:
            order.remove(start)
            order = [start, *order, start]
        elif len(order) == 1:
            order *= 2
        return Walk(self, order)

    def rest(self, index: int) -> None:
        """The provider failed just now."""
        self._rests_until[index] = asyncio.get_running_loop().time() + self._rest_s

    def recovered(self, index: int) -> None:
        """The provider did its work."""
        self._rests_until[index] = 0.0

    def tell(self, error: ProviderError, index: int, following: int | None) -> None:
        """Tells of a failure and who takes over."""
        name = "" if following is None else self.providers[following].name
        self._on_failed(ProviderFailed(self._kind, self.providers[index].name, error.reason, name))


class Walk(Generic[P]):
    """One request's way down the chain."""

    def __init__(self, roster: Roster[P], order: list[int]) -> None:
        self._roster = roster
        self._order = order

    @property
    def index(self) -> int:
        """Where in the list the provider now in use stands."""
        return self._order[0]

    @property
    def current(self) -> P:
        """The provider now in use."""
        return self._roster.providers[self.index]

    @property
    def has_other(self) -> bool:
        """There is another provider that was not tried yet."""
        return any(index != self.index for index in self._order)

    def worked(self) -> None:
        """The provider in use did its work."""
        self._roster.recovered(self.index)

    def failed(self, error: ProviderError) -> None:
        """Moves on to the next provider, or raises the error when there is none."""
        failed = self._order.pop(0)
        self._roster.rest(failed)
        if self._order and self._order[0] == failed and not _worth_repeating(error):
            self._order.pop(0)
        self._roster.tell(error, failed, self._order[0] if self._order else None)
        if not self._order:
            raise error

    def gave_up(self, error: ProviderError) -> None:
        """The provider failed, but nothing is left for another one to do."""
        self._roster.rest(self.index)
        self._roster.tell(error, self.index, None)


def _worth_repeating(error: ProviderError) -> bool:
    """The same provider may do better at once: not when it refused, was full, or let us wait."""
    return error.retryable and not isinstance(error, ProviderBusy | ProviderSlow)
