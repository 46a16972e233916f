"""The providers of one chain in the order in which they are tried; reports every failure."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from media.providers.chain.chain_health import ChainHealth
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import LastResort, ProviderBusy, ProviderError, ProviderKind, ProviderSlow
from media.providers.wait_history import UsualWait
from shared.events import ProviderFailed
from shared.provider_failures import FailureCause, FailureStage

OnProviderFailed = Callable[[ProviderFailed], None]


class NamedProvider(Protocol):
    """The properties that all providers have."""

    name: str


P = TypeVar("P", bound=NamedProvider)


class Candidates(Generic[P]):
    """The providers of a chain in order of preference.

    Providers that failed this call less than `demotion_s` seconds ago, and providers that are ejected on the shared
    health board, are tried last but never left out.
    """

    def __init__(
        self,
        kind: ProviderKind,
        providers: Sequence[P],
        on_failed: OnProviderFailed,
        demotion_s: float,
        health: ChainHealth | None = None,
        return_s: float = 0.0,
    ) -> None:
        """Create the candidates. Raises ValueError without providers.

        Args:
            health: The health of these providers, in their order. The chain creates its own board by default.
            return_s: How long a call avoids a provider after its first failure, for `begin_return`.
        """
        if not providers:
            raise ValueError(f"{kind}: the chain is empty")
        self.providers = tuple(providers)
        self.last_resorts = frozenset(index for index, one in enumerate(providers) if isinstance(one, LastResort))
        self.health = health or _own_health(kind, providers)
        self._kind = kind
        self._on_failed = on_failed
        self._demotion_s = demotion_s
        self._demoted_until = [0.0] * len(providers)
        self._return_s = return_s
        self._returns_at = [0.0] * len(providers)
        self._failures = [0] * len(providers)

    def new_attempts(self, start: int | None = None) -> "Attempts[P]":
        """Return the attempts for one request, which try each provider at most once (a single provider twice).

        Args:
            start: The index of the provider in use. It is tried first, and once more at the end.
        """
        now = asyncio.get_running_loop().time()
        order = sorted(range(len(self.providers)), key=lambda index: self._is_last(index, now))
        if start is not None:
            order.remove(start)
            order = [start, *order, start]
        elif len(order) == 1:
            order *= 2
        return Attempts(self, order)

    def renew(self, attempts: "Attempts[P]") -> "Attempts[P]":
        """Release the attempts and return new attempts that begin with the provider in use."""
        attempts.release()
        return self.new_attempts(attempts.index)

    def demote(self, index: int) -> None:
        """Try the provider last for `demotion_s` seconds, because it failed."""
        self._demoted_until[index] = asyncio.get_running_loop().time() + self._demotion_s

    def delay_return(self, index: int) -> None:
        """Keep the call from returning to the provider for a while, because it failed or was late."""
        self._returns_at[index] = asyncio.get_running_loop().time() + self._return_s * 2 ** self._failures[index]
        self._failures[index] += 1

    def begin_return(self, used: int) -> "Attempts[P] | None":
        """Return attempts at the first provider before the one in use to which the call may return, or None if there is
        no usable one.

        The provider must be usable on the health board, and enough time must have passed since it failed this call. The
        time doubles with each failure.
        """
        now = asyncio.get_running_loop().time()
        ready = (one for one in range(used) if self._returns_at[one] <= now and self.health.is_usable(one))
        preferred = next(ready, None)
        return None if preferred is None else Attempts(self, [preferred])

    def restore(self, index: int) -> None:
        """Return the provider to its place in the order, because it succeeded."""
        self._demoted_until[index] = 0.0

    def report_failure(
        self, error: ProviderError, index: int, following: int | None, *, stage: FailureStage, cost_s: float
    ) -> None:
        """Report a failure.

        Args:
            following: The index of the provider that takes over, or None.
        """
        self.health.hide_key(index, error)
        self._on_failed(
            ProviderFailed(
                self._kind,
                self.providers[index].name,
                error.reason,
                next="" if following is None else self.providers[following].name,
                stage=stage,
                cause=_cause(error, stage),
                cost_ms=round(cost_s * 1_000),
            )
        )

    def _is_last(self, index: int, now: float) -> bool:
        return self._demoted_until[index] > now or not self.health.is_usable(index)


class Attempts(Generic[P]):
    """The attempts of one request, one provider at a time."""

    def __init__(self, candidates: Candidates[P], order: list[int]) -> None:
        self._candidates = candidates
        self._order = order
        self._failed: set[int] = set()
        self._attempt = candidates.health.start(order[0])

    @property
    def index(self) -> int:
        """The index of the provider in use."""
        return self._order[0]

    @property
    def current(self) -> P:
        """The provider in use."""
        return self._candidates.providers[self.index]

    @property
    def has_other(self) -> bool:
        """Whether another provider has not been tried yet."""
        return any(index != self.index for index in self._order)

    @property
    def has_rival(self) -> bool:
        """Whether the next provider may run beside the one in use. A last resort may not, because it would always
        win."""
        following = next((index for index in self._order if index != self.index), None)
        return following is not None and following not in self._candidates.last_resorts

    @property
    def usual_wait(self) -> UsualWait | None:
        """The usual time to the first useful unit of the provider in use (for a recognizer: to its final text), or None
        if it is unknown."""
        return self._candidates.health.usual_wait(self.index)

    def correct_figures(self, figures: UsualWait) -> UsualWait:
        """Return the figures for the wait, corrected by the first answers of the provider in use."""
        return self._candidates.health.correct_figures(self.index, figures)

    @property
    def usual_wait_of_next(self) -> UsualWait | None:
        """The usual wait of the provider that would take over, or None if it is unknown."""
        following = next((index for index in self._order if index != self.index), None)
        return None if following is None else self._candidates.health.usual_wait(following)

    @property
    def usual_gap(self) -> UsualWait | None:
        """The usual longest time between two units of a stream of the provider in use, or None if it is unknown."""
        return self._candidates.health.usual_gap(self.index)

    @property
    def is_learned(self) -> bool:
        """Whether the usual wait of the provider in use was measured. Otherwise, it is the vendor's figure."""
        return self._candidates.health.is_learned(self.index)

    def split(self) -> "Attempts[P]":
        """Return separate attempts at the providers after the one in use, which continues. Requires `has_rival`."""
        others = Attempts(self._candidates, [index for index in self._order[1:] if index != self.index])
        others._failed |= self._failed
        return others

    def exclude(self, index: int) -> None:
        """Remove a provider from these attempts, because it failed in parallel attempts."""
        self._order[1:] = [other for other in self._order[1:] if other != index]

    def readmit(self, index: int) -> None:
        """Schedule another attempt at a provider that lost against the one in use, before the last resorts only."""
        if index in self._failed:
            return
        self._failed.add(index)  # the health board counts both attempts as one failure
        last = self._candidates.last_resorts
        at = next((place for place, other in enumerate(self._order) if place and other in last), len(self._order))
        self._order.insert(at, index)

    def lose(
        self,
        error: ProviderError,
        winner: int,
        *,
        demote: bool,
        stage: FailureStage = "first_unit",
        cost_s: float = 0.0,
        judged: bool = True,
    ) -> None:
        """Record that the request is left to another provider, which answered first or still may.

        Args:
            winner: The index of the other provider.
            demote: Try the provider in use last from now on. Otherwise, only the health board counts the failure,
                because a single late answer does not count as a failure of the call.
            judged: Whether the health board counts the failure now. Otherwise, `judge` must follow.
        """
        self._candidates.delay_return(self.index)
        if demote:
            self._candidates.demote(self.index)
        if judged:
            self._count(error)
        self._candidates.report_failure(error, self.index, winner, stage=stage, cost_s=cost_s)

    def judge(self, error: ProviderError | None) -> None:
        """End an attempt that has lost.

        Args:
            error: None if the provider has answered meanwhile. It was only slower than its vendor's figures, so its
                wait is recorded and its place in the order is restored.
        """
        if error is None:
            self.mark_useful()
            self.succeed()
        else:
            self._count(error)

    def start_wait(self) -> None:
        """Record that the provider in use has everything that it needs for its first useful unit."""
        self._attempt.start_wait()

    def await_answer(self) -> None:
        """Record that the recognizer in use received a request for a final text."""
        self._attempt.await_answer()

    def cease_waiting(self) -> None:
        """Record that the final text is no longer needed."""
        self._attempt.cease_waiting()

    def mark_answered(self) -> None:
        """Record that the final text arrived with words."""
        self._attempt.mark_answered()

    def add_gap(self, seconds: float, *, stalled: bool = False) -> None:
        """Record the longest time between two units of this attempt's stream.

        Args:
            stalled: No unit followed the gap.
        """
        self._attempt.add_gap(seconds, stalled=stalled)

    def mark_useful(self) -> None:
        """Record a useful unit of the provider in use: a token, audio or words. An open connection does not count."""
        self._attempt.mark_useful()

    def succeed(self) -> None:
        """Record that the provider in use completed the request."""
        self._candidates.restore(self.index)
        self._attempt.release()

    def fail_over(
        self,
        error: ProviderError,
        running: int | None = None,
        *,
        stage: FailureStage = "first_unit",
        cost_s: float = 0.0,
    ) -> None:
        """Move on to the next provider. Raises the error if no provider is left.

        Args:
            running: The index of a provider that continues beside these attempts. The report names it if no provider is
                left.
            cost_s: How long the caller waited in vain.
        """
        failed = self._fail(error)
        self._order.pop(0)
        if self._order and self._order[0] == failed and not _worth_repeating(error):
            self._order.pop(0)
        following = self._order[0] if self._order else running
        self._candidates.report_failure(error, failed, following, stage=stage, cost_s=cost_s)
        if not self._order:
            raise error
        self._attempt = self._candidates.health.start(self.index)

    def give_up(self, error: ProviderError, *, stage: FailureStage = "stream", cost_s: float = 0.0) -> None:
        """Record a failure after which no other provider can help."""
        self._candidates.report_failure(error, self._fail(error), None, stage=stage, cost_s=cost_s)

    def release(self) -> None:
        """End the attempts without a result, for example because the caller interrupted."""
        self._attempt.release()

    def _fail(self, error: ProviderError) -> int:
        failed = self.index
        self._candidates.demote(failed)
        self._candidates.delay_return(failed)
        self._count(error)
        return failed

    def _count(self, error: ProviderError) -> None:
        self._candidates.health.hide_key(self.index, error)
        if self.index in self._failed:  # a second failure of the same provider does not count on the health board
            self._attempt.release()
        else:
            self._attempt.fail(error)
        self._failed.add(self.index)


def _cause(error: ProviderError, stage: FailureStage) -> FailureCause:
    return "stalled" if error.cause == "late" and stage == "stream" else error.cause


def _worth_repeating(error: ProviderError) -> bool:
    """Whether the same provider may be retried at once. False if it refused, was full, or missed a deadline."""
    return error.retryable and not isinstance(error, ProviderBusy | ProviderSlow)


def _own_health(kind: ProviderKind, providers: Sequence[NamedProvider]) -> ChainHealth:
    board = HealthBoard(lambda: asyncio.get_running_loop().time())
    return ChainHealth(board, [HealthKey(kind, one.name, str(index)) for index, one in enumerate(providers)])
