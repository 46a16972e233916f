"""Shares of the requests that an API process answers at once: no workspace and no handler takes all places."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import TooManyRequests

# The code that media gives to its own refusals of this kind, too.
BUSY: Final = "busy"


class RequestShares:
    """places: requests at once in this process. per_handler: of these, one handler's at most.

    A workspace may hold as many places as are free at that moment (dynamic thresholds: Choudhury, Hahne 1998, IEEE/ACM
    Transactions on Networking 6(2)). So one workspace alone gets half of them, and of N workspaces whose requests hang
    each gets 1/(N + 1): as many stay free for others. A fixed share is either too small for one workspace alone, or so
    large that a few of them take all."""

    def __init__(self, *, places: int, per_handler: int) -> None:
        self._places, self._per_handler = places, per_handler
        self._workspaces: Counter[str] = Counter()
        self._handlers: Counter[str] = Counter()
        self._taken = 0

    @contextmanager
    def taken(self, workspace: str, handler: str) -> Iterator[None]:
        """Holds a place until the block ends. Raises TooManyRequests (code busy) at once when there is none: to wait
        would take a place from the others."""
        if self._workspaces[workspace] >= self._free(handler):
            _forget(self._workspaces, workspace)
            raise TooManyRequests("Too many requests at once. Try again in a moment.", code=BUSY, retry_after_s=1)
        self._taken += 1
        self._workspaces[workspace] += 1
        self._handlers[handler] += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._workspaces[workspace] -= 1
            self._handlers[handler] -= 1
            _forget(self._workspaces, workspace)
            _forget(self._handlers, handler)

    def _free(self, handler: str) -> int:
        """Places that a request of this handler may take. The handler's limit counts as if there were no other places:
        otherwise workspaces with hanging tools could fill it with what looks like their share of all."""
        return min(self._places - self._taken, self._per_handler - self._handlers[handler])


def _forget(counter: Counter[str], name: str) -> None:
    """Forgets a name without requests, because there may be any number of them."""
    if not counter[name]:
        del counter[name]
