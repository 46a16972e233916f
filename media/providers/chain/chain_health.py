"""The health of a chain's providers: the part of the process's health board that belongs to the chain."""

from collections.abc import Callable, Sequence

from media.providers.health import HealthBoard, HealthKey, ProviderAttempt
from media.providers.ports import ProviderError
from media.providers.wait_history import UsualWait


class ChainHealth:
    """The health of the providers of one chain, addressed by their index in the chain.

    Args:
        workspace: The workspace whose calls the chain serves.
        seeds: The vendors' figures for each provider's wait for the first useful unit, which are used until enough
            waits are measured. None if a vendor publishes no figure.
        api_keys: The API keys of the providers, which are removed from reports.
    """

    def __init__(
        self,
        board: HealthBoard,
        keys: Sequence[HealthKey],
        workspace: str = "",
        seeds: Sequence[UsualWait | None] = (),
        api_keys: Sequence[str] = (),
    ) -> None:
        self._board = board
        self._keys = tuple(keys)
        self._workspace = workspace
        self._seeds = tuple(seeds) or (None,) * len(self._keys)
        self._api_keys = tuple(api_keys) or ("",) * len(self._keys)

    def is_usable(self, index: int) -> bool:
        """Return whether the provider may be tried before ejected ones."""
        return self._board.is_usable(self._keys[index])

    def must_leave(self, index: int) -> bool:
        """Return whether an open session must leave this provider, because staff took it out of service and another
        provider of the chain is usable."""
        others = (other for other in range(len(self._keys)) if other != index)
        return not self._board.is_in_service(self._keys[index]) and any(map(self.is_usable, others))

    def watch_service(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call the watcher when providers are taken out of service. Return a function that removes the watcher."""
        return self._board.watch_service(watcher)

    def usual_wait(self, index: int) -> UsualWait | None:
        """Return the usual time to the provider's first useful unit (for a recognizer: to its final text), or None if
        it is unknown."""
        learned, seed = self._board.usual_wait(self._keys[index]), self._seeds[index]
        return learned if learned is not None or seed is None else self.correct_figures(index, seed)

    def correct_figures(self, index: int, figures: UsualWait) -> UsualWait:
        """Return the figures for the wait, corrected by the provider's first answers."""
        return self._board.correct_figures(self._keys[index], figures)

    def is_learned(self, index: int) -> bool:
        """Return whether enough waits were measured to replace the vendor's figures."""
        return self._board.usual_wait(self._keys[index]) is not None

    def usual_gap(self, index: int) -> UsualWait | None:
        """Return the usual longest time between two units of a stream, or None if it is unknown."""
        return self._board.usual_gap(self._keys[index])

    def hide_key(self, index: int, error: ProviderError) -> None:
        """Remove the provider's API key from the error's message."""
        error.hide_key(self._api_keys[index])

    def start(self, index: int) -> ProviderAttempt:
        """Start an attempt at the provider."""
        return self._board.start(self._keys[index], self._workspace)
