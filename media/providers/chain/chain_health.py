"""What a chain knows of the health of its providers: its part of the process's board, by their place in the chain."""

from collections.abc import Callable, Sequence

from media.providers.health import HealthBoard, HealthKey, ProviderAttempt
from media.providers.ports import ProviderError
from media.providers.wait_history import UsualWait


class ChainHealth:
    """The health of the providers of one chain, by their place in it. workspace: whose calls the chain is for.

    seeds: what the vendors' figures say of each provider's wait for the first useful unit, used until it is learned;
    None where nothing is known. api_keys: of the providers, which no report tells.
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
        """Whether the provider may be tried before ejected ones."""
        return self._board.is_usable(self._keys[index])

    def must_leave(self, index: int) -> bool:
        """Whether an open session at this provider moves to another one: the staff took it out of service, and another
        one of the chain is usable."""
        others = (other for other in range(len(self._keys)) if other != index)
        return not self._board.is_in_service(self._keys[index]) and any(map(self.is_usable, others))

    def watch_service(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Calls the watcher when providers were taken out of service; returns what ends that."""
        return self._board.watch_service(watcher)

    def usual_wait(self, index: int) -> UsualWait | None:
        """How long the provider takes to its first useful unit, a recognizer to its final text; None where nothing is
        known."""
        learned, seed = self._board.usual_wait(self._keys[index]), self._seeds[index]
        return learned if learned is not None or seed is None else self.correct_figures(index, seed)

    def correct_figures(self, index: int, figures: UsualWait) -> UsualWait:
        """Figures for that wait, corrected by the provider's first answers."""
        return self._board.correct_figures(self._keys[index], figures)

    def is_learned(self, index: int) -> bool:
        """Whether that wait was measured often enough, so that the vendor's figures do not count."""
        return self._board.usual_wait(self._keys[index]) is not None

    def usual_gap(self, index: int) -> UsualWait | None:
        """The longest time between two units of one of its streams; None where nothing is known."""
        return self._board.usual_gap(self._keys[index])

    def hide_key(self, index: int, error: ProviderError) -> None:
        """Takes the provider's API key out of the error's message."""
        error.hide_key(self._api_keys[index])

    def start(self, index: int) -> ProviderAttempt:
        """Starts an attempt at the provider."""
        return self._board.start(self._keys[index], self._workspace)
