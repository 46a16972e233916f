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
    """What every provider has."""

    name: str


P = TypeVar("P", bound=NamedProvider)


class Candidates(Generic[P]):
    """Providers in order of preference. Tried last, but never left out, are those that failed this call less than
    `demotion_s` seconds ago, and those that are ejected on the board of health, which all calls share."""

    def __init__(
        self,
        kind: ProviderKind,
        providers: Sequence[P],
        on_failed: OnProviderFailed,
        demotion_s: float,
        health: ChainHealth | None = None,
        return_s: float = 0.0,
    ) -> None:
        """health: of these providers, in their order; None: a board of the chain's own. return_s: how long a call stays
        away from a provider that failed it once, for `begin_return`."""
        if not providers:
            raise ValueError(f"{kind}: an empty chain")
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
        """The attempts for one request: each provider at most once (a lone one may be tried again).

        start: index of the provider that is in use already; it is tried first, and as the last resort once more.
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
        """New attempts that begin with the provider in use, in place of those, which end without a result."""
        attempts.release()
        return self.new_attempts(attempts.index)

    def demote(self, index: int) -> None:
        """Records that the provider failed just now: it is tried last for `demotion_s` seconds."""
        self._demoted_until[index] = asyncio.get_running_loop().time() + self._demotion_s

    def delay_return(self, index: int) -> None:
        """Records that the provider failed just now, or was late: the call does not go back to it for a while."""
        self._returns_at[index] = asyncio.get_running_loop().time() + self._return_s * 2 ** self._failures[index]
        self._failures[index] += 1

    def begin_return(self, used: int) -> "Attempts[P] | None":
        """The attempts of a call that goes back to the first provider before the one in use that may be used again: it
        is usable on the board, and failed this call long enough ago, twice as long after each failure. None if there is
        no such provider."""
        now = asyncio.get_running_loop().time()
        ready = (one for one in range(used) if self._returns_at[one] <= now and self.health.is_usable(one))
        preferred = next(ready, None)
        return None if preferred is None else Attempts(self, [preferred])

    def restore(self, index: int) -> None:
        """Records that the provider did its work: it is back at its place in the order."""
        self._demoted_until[index] = 0.0

    def report_failure(
        self, error: ProviderError, index: int, following: int | None, *, stage: FailureStage, cost_s: float
    ) -> None:
        """Reports a failure; following: index of the provider that takes over, None when none does."""
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
    """The attempts of one request, provider by provider."""

    def __init__(self, candidates: Candidates[P], order: list[int]) -> None:
        self._candidates = candidates
        self._order = order
        self._failed: set[int] = set()
        self._attempt = candidates.health.start(order[0])

    @property
    def index(self) -> int:
        """Index of the provider in use."""
        return self._order[0]

    @property
    def current(self) -> P:
        """The provider in use."""
        return self._candidates.providers[self.index]

    @property
    def has_other(self) -> bool:
        """Whether another provider is left to be tried."""
        return any(index != self.index for index in self._order)

    @property
    def has_rival(self) -> bool:
        """Whether the next provider may be asked beside the one in use: a last resort may not, it would always win."""
        following = next((index for index in self._order if index != self.index), None)
        return following is not None and following not in self._candidates.last_resorts

    @property
    def usual_wait(self) -> UsualWait | None:
        """How long the provider in use takes to its first useful unit, a recognizer to its final text; None where
        nothing is known."""
        return self._candidates.health.usual_wait(self.index)

    def correct_figures(self, figures: UsualWait) -> UsualWait:
        """Figures for the wait for the provider in use, corrected by its first answers."""
        return self._candidates.health.correct_figures(self.index, figures)

    @property
    def usual_wait_of_next(self) -> UsualWait | None:
        """The same of the provider that would take over."""
        following = next((index for index in self._order if index != self.index), None)
        return None if following is None else self._candidates.health.usual_wait(following)

    @property
    def usual_gap(self) -> UsualWait | None:
        """The longest time between two units of one stream of the provider in use; None where nothing is known."""
        return self._candidates.health.usual_gap(self.index)

    @property
    def is_learned(self) -> bool:
        """Whether the usual wait of the provider in use was measured, and is not only its vendor's figure."""
        return self._candidates.health.is_learned(self.index)

    def split(self) -> "Attempts[P]":
        """Attempts at the providers after the one in use, beside this one. Needs `has_rival`."""
        others = Attempts(self._candidates, [index for index in self._order[1:] if index != self.index])
        others._failed |= self._failed
        return others

    def exclude(self, index: int) -> None:
        """Another provider is not tried any more: it failed in attempts beside these."""
        self._order[1:] = [other for other in self._order[1:] if other != index]

    def readmit(self, index: int) -> None:
        """A provider that lost against the one in use is tried once more, after all but the last resorts."""
        if index in self._failed:
            return
        self._failed.add(index)  # to the board that is one failure
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
        """Records that the request is left to another provider, which answered first or still may. winner: its index.
        demote: the one in use is tried last from now on; without that only the board counts it, because one late answer
        of many is no fault. judged: the board counts it now; else `judge` has to follow."""
        self._candidates.delay_return(self.index)
        if demote:
            self._candidates.demote(self.index)
        if judged:
            self._count(error)
        self._candidates.report_failure(error, self.index, winner, stage=stage, cost_s=cost_s)

    def judge(self, error: ProviderError | None) -> None:
        """Ends an attempt that has lost. error: None when it has answered meanwhile; then it was only slower than its
        vendor's figures say, is learned, and is back at its place in the order."""
        if error is None:
            self.mark_useful()
            self.succeed()
        else:
            self._count(error)

    def start_wait(self) -> None:
        """Records that the provider in use has all that it needs for its first useful unit."""
        self._attempt.start_wait()

    def await_answer(self) -> None:
        """Records that the recognizer in use was asked for a final text."""
        self._attempt.await_answer()

    def cease_waiting(self) -> None:
        """Records that nobody waits for that text any more."""
        self._attempt.cease_waiting()

    def mark_answered(self) -> None:
        """Records that the text came, with words."""
        self._attempt.mark_answered()

    def add_gap(self, seconds: float, *, stalled: bool = False) -> None:
        """Records the longest time between two units of this attempt's stream. stalled: nothing followed it."""
        self._attempt.add_gap(seconds, stalled=stalled)

    def mark_useful(self) -> None:
        """Records a useful unit of the provider in use: a token, audio, words. A connection is none."""
        self._attempt.mark_useful()

    def succeed(self) -> None:
        """Records that the provider in use did its work."""
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
        """Moves on to the next provider; raises the error when none is left. running: index of one that goes on beside
        these attempts, which the report names where none is left. cost_s: how long the caller waited in vain."""
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
        """Records a failure after which no other provider can help."""
        self._candidates.report_failure(error, self._fail(error), None, stage=stage, cost_s=cost_s)

    def release(self) -> None:
        """Ends the attempts without a result, for instance because the caller interrupted."""
        self._attempt.release()

    def _fail(self, error: ProviderError) -> int:
        failed = self.index
        self._candidates.demote(failed)
        self._candidates.delay_return(failed)
        self._count(error)
        return failed

    def _count(self, error: ProviderError) -> None:
        self._candidates.health.hide_key(self.index, error)
        if self.index in self._failed:  # tried twice: to the board that is one failure
            self._attempt.release()
        else:
            self._attempt.fail(error)
        self._failed.add(self.index)


def _cause(error: ProviderError, stage: FailureStage) -> FailureCause:
    return "stalled" if error.cause == "late" and stage == "stream" else error.cause


def _worth_repeating(error: ProviderError) -> bool:
    """Whether the same provider may be tried again at once: not when it refused, was full, or missed a deadline."""
    return error.retryable and not isinstance(error, ProviderBusy | ProviderSlow)


def _own_health(kind: ProviderKind, providers: Sequence[NamedProvider]) -> ChainHealth:
    board = HealthBoard(lambda: asyncio.get_running_loop().time())
    return ChainHealth(board, [HealthKey(kind, one.name, str(index)) for index, one in enumerate(providers)])
