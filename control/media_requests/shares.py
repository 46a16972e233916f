"""Shares of the requests that an API process answers at once: no workspace and no handler takes all places."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import TooManyRequests

# The code that media gives to its own refusals of this kind, too.
BUSY: Final = "busy"


class RequestShares:
    """per_workspace, per_handler: requests at once, in this process."""

    def __init__(self, *, per_workspace: int, per_handler: int) -> None:
        self._per_workspace, self._per_handler = per_workspace, per_handler
        self._workspaces: Counter[str] = Counter()
        self._handlers: Counter[str] = Counter()

    @contextmanager
    def taken(self, workspace: str, handler: str) -> Iterator[None]:
        """Holds a place until the block ends. Raises TooManyRequests (code busy) at once when there is none: to wait
        would take a place from the others."""
        if self._workspaces[workspace] >= self._per_workspace or self._handlers[handler] >= self._per_handler:
            raise TooManyRequests("Too many requests at once. Try again in a moment.", code=BUSY, retry_after_s=1)
        self._workspaces[workspace] += 1
        self._handlers[handler] += 1
        try:
            yield
        finally:
            _leave(self._workspaces, workspace)
            _leave(self._handlers, handler)


def _leave(counter: Counter[str], name: str) -> None:
    """Names without requests are forgotten, because there may be any number of them."""
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
