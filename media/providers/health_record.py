"""The health record of one provider's account in this process. Pure; times are in seconds."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ReplyUnusable
from media.providers.wait_history import WaitHistory

NEVER: Final = -math.inf
# The maximum number of times that a cool-down doubles, which keeps the number finite.
_MOST_DOUBLINGS: Final = 30
# Longer than any deadline. A request that waits longer has crashed.
_LONGEST_WAIT_S: Final = 60.0
# How long a failure counts as a doubt.
_DOUBT_S: Final = 10.0
_HEED_S: Final = 5.0  # how long the doubts of other processes count


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Decides when a provider is ejected, and for how long. All times are in seconds.

    Attributes:
        cool_down_s: The cool-down of the first ejection. It doubles with each further ejection up to max_cool_down_s. 0
            turns the board off.
        busy_s: The cool-down of a provider that was full.
        jitter: The share by which a process lengthens its cool-downs at random, so that not all processes probe at
            once.
        failures_in_row: The number of failures that eject a provider if no process receives a useful unit between them,
            or for silence_s before the last failure. A provider that otherwise works needs a longer row: so long that,
            given the share of earlier failures, it occurs by chance with a probability of chance_of_row at most.
        refusals_in_row: The number of refusals of the key, without a useful unit in this process between them, that
            eject a provider.
        failures_after_success: The number of failures in a row that always ejects a provider.
        window_s: The maximum age of the outcomes that count for the share of failures.
        window: The maximum number of these outcomes.
        min_requests: The minimum number of these outcomes for the share to count.
        failure_share: The share of failures that ejects a provider.
        probe_s: How long a probe without a result prevents other requests from probing.
        stall_s: New requests go to the next provider if failures_in_row requests have waited for a useful unit for
            longer than stall_s and stall_factor times the usual wait, and no useful unit arrives.
    """

    cool_down_s: float = 15.0
    max_cool_down_s: float = 300.0
    busy_s: float = 5.0
    jitter: float = 0.2
    failures_in_row: int = 3
    refusals_in_row: int = 2
    chance_of_row: float = 1e-5
    failures_after_success: int = 10
    silence_s: float = 1.0
    window_s: float = 60.0
    window: int = 50
    min_requests: int = 20
    failure_share: float = 0.6
    probe_s: float = 10.0
    stall_s: float = 1.0
    stall_factor: float = 3.0

    def cool_down(self, ejections: int) -> float:
        """Return the cool-down of the nth ejection in a row, counted from 1."""
        doublings = min(max(ejections - 1, 0), _MOST_DOUBLINGS)
        return min(self.cool_down_s * 2.0**doublings, max(self.cool_down_s, self.max_cool_down_s))


class HealthRecord:
    """The state of one account: in service, or ejected until a time. After that time, one request at a time may probe
    the provider (half-open).

    Attributes:
        ejected_until: The end of the cool-down, or None while the provider is in service.
        ejections: The number of ejections in a row. The count restarts after max_cool_down_s in service.
        own_evidence: Whether this process saw the failures itself.
        version: The version of the shared state that was applied last.
    """

    def __init__(self, policy: HealthPolicy) -> None:
        self.ejected_until: float | None = None
        self.ejections = 0
        self.own_evidence = False
        self.last_useful = NEVER  # here or in another process
        self.version = 0
        self._policy = policy
        self._ejected_at = self._healed_at = NEVER
        self._probe: object | None = None
        self._probe_until = NEVER
        self._own_useful = NEVER
        self._failures_in_row = 0  # since the latest useful unit in this process
        # Time, whether the outcome is useful, and the workspace of the request (None: another process's request).
        self._outcomes: deque[tuple[float, bool, str | None]] = deque(maxlen=policy.window)
        # time and workspace of each refusal of the key
        self._refusals: deque[tuple[float, str]] = deque(maxlen=policy.window)
        self._waiting: dict[object, float] = {}  # requests without a useful unit and their start, oldest first
        self._others, self._others_until = 0, NEVER  # doubts of other processes
        self._usual_s = 0.0  # moving average of the wait for the first useful unit
        self.waits = WaitHistory()  # waits for a first unit (of a recognizer: for a final text)
        self.gaps = WaitHistory()  # the longest gap between two units of each stream

    def is_usable(self, now: float) -> bool:
        """Whether a request may try this provider before ejected ones."""
        return self.is_half_open(now) if self.ejected_until is not None else not self._is_doubtful(now)

    def is_half_open(self, now: float) -> bool:
        """Whether the cool-down is over and no request probes the provider."""
        return self.ejected_until is not None and self.ejected_until <= now and self._probe_until <= now

    def start_probe(self, request: object, now: float) -> None:
        """Prevent other requests from probing until this request has a result, but at most for probe_s."""
        self._probe, self._probe_until = request, now + self._policy.probe_s

    def is_probe(self, request: object) -> bool:
        """Whether the request is the latest probe, and the provider was neither healed nor ejected since."""
        return self._probe is request

    def end_probe(self, request: object) -> None:
        """Let the next request probe if this request is the latest probe, because it ended without a result."""
        if self._probe is request:
            self._probe, self._probe_until = None, NEVER

    def start_wait(self, request: object, now: float) -> None:
        """Record that a request waits for its first useful unit. Removes crashed requests."""
        while self._waiting and next(iter(self._waiting.values())) < now - _LONGEST_WAIT_S:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[request] = now

    def end_wait(self, request: object) -> float | None:
        """End the request's wait. Return the time at which the wait began, or None if the request did not wait."""
        return self._waiting.pop(request, None)

    def add_useful(self, now: float, since: float | None, workspace: str = "") -> None:
        """Record a request's first useful unit.

        Args:
            since: The time at which the request began to wait, or None if it did not wait.
        """
        self.last_useful = self._own_useful = now
        self._failures_in_row = 0
        self._refusals.clear()
        self._outcomes.append((now, True, workspace))
        if since is not None:
            self.add_wait(now - since)

    def add_wait(self, seconds: float) -> None:
        """Record how long a request waited for its answer."""
        self.waits.add(seconds)
        self._usual_s = 0.8 * self._usual_s + 0.2 * seconds if self._usual_s else seconds

    def add_failure(self, now: float, workspace: str = "", *, after_useful: bool) -> bool:
        """Record a failure. Return whether the provider must be ejected.

        Args:
            after_useful: The request had succeeded before, so the failure replaces its success.
        """
        if after_useful:
            self._forget_success()
        self._outcomes.append((now, False, workspace))
        self._failures_in_row += 1
        return (self._is_dead(now) or self._fails_often(now)) and not self._is_confined(now)

    def add_refusal(self, now: float, workspace: str = "") -> bool:
        """Record a refusal of the key. Return whether the provider must be ejected.

        Refusals are counted separately from other failures. Refusals of a single workspace do not count while requests
        of other workspaces succeed, because a workspace may request something that the key does not permit.
        """
        self._refusals.append((now, workspace))
        oldest = now - self._policy.window_s
        recent = [whose for at, whose in self._refusals if at >= oldest]
        served = {whose for at, useful, whose in self._outcomes if useful and at >= oldest and whose is not None}
        is_confined = len(set(recent)) == 1 and bool(served - set(recent))
        return len(recent) >= self._policy.refusals_in_row and not is_confined

    def doubts(self, now: float) -> int:
        """Return the number of failures and overlong waits that other processes need. Returns 0 while most recent
        requests succeed."""
        if self.ejected_until is not None or not (self._failures_in_row or self._waiting):
            return 0
        if self._has_worked(now) or self._is_confined(now):
            return 0
        return sum(at >= now - _DOUBT_S for at in self._row()) + self._count_stalled(now)

    def useful_age(self, now: float) -> float | None:
        """Return the seconds since the latest useful unit in this process, or None after more than _HEED_S."""
        age_s = now - self._own_useful
        return age_s if age_s <= _HEED_S else None

    def heed(self, now: float, doubts: int, useful_age_s: float | None) -> None:
        """Store the total of other processes' doubts and the age of their latest useful unit."""
        self._others, self._others_until = doubts, now + _HEED_S
        if useful_age_s is not None and now - useful_age_s > self.last_useful:
            self.last_useful = now - useful_age_s
            self._outcomes.append((self.last_useful, True, None))

    def first_failure(self, now: float) -> float:
        """Return the time of the first failure in a row or of the probe's start. Returns `now` if there was no
        failure."""
        if self._probe is not None:
            return self._probe_until - self._policy.probe_s
        return min(self._row(), default=now)

    def eject(self, now: float, *, brief: bool) -> float:
        """Count an ejection and return its cool-down in seconds. The caller sets `ejected_until`.

        The recorded waits are discarded, because they precede the fault: a provider that only became slower would fail
        each probe against them.

        Args:
            brief: The provider was only full, so its cool-down stays short even after repeated ejections.
        """
        policy = self._policy
        self.waits, self.gaps = WaitHistory(), WaitHistory()
        self._forget_old_ejections(now)
        self.ejections = max(self.ejections, 1) if brief else self.ejections + 1
        self._ejected_at = now
        self._clear()
        return min(policy.busy_s, policy.cool_down_s) if brief else policy.cool_down(self.ejections)

    def adopt(self, now: float, ejections: int) -> None:
        """Apply another process's ejection, which was the nth in a row (`ejections`)."""
        self.waits, self.gaps = WaitHistory(), WaitHistory()
        self._forget_old_ejections(now)
        self.ejections = max(self.ejections, ejections)
        self._ejected_at = now

    def ejected_age(self, now: float) -> float:
        """Return the seconds since the latest ejection or failed probe."""
        return now - self._ejected_at

    def heal(self, now: float) -> None:
        """Put the provider back in service."""
        self.ejected_until = None
        self.own_evidence = False
        self._healed_at = now
        self._clear()

    def _forget_old_ejections(self, now: float) -> None:
        if self.ejected_until is None and now - self._healed_at >= self._policy.max_cool_down_s:
            self.ejections = 0

    def _clear(self) -> None:
        self._outcomes.clear()
        self._refusals.clear()
        self._failures_in_row = 0
        self._probe, self._probe_until = None, NEVER

    def _is_dead(self, now: float) -> bool:
        policy = self._policy
        if self._failures_in_row >= self._longest_row(now) and now - self._own_useful >= policy.silence_s:
            return True
        if now - self.last_useful < policy.silence_s or self._has_worked(now):
            return False
        return len(self._row()) + self._heeded(now) >= policy.failures_in_row

    def _longest_row(self, now: float) -> int:
        """Return the number of failures in a row that ejects a provider that otherwise works.

        The share of earlier failures is estimated slightly too high (Laplace's rule of succession), because few
        outcomes are weak evidence. Outcomes of other processes are excluded, because only their successes are known.
        """
        policy, oldest = self._policy, now - self._policy.window_s
        own = [useful for at, useful, whose in self._outcomes if at >= oldest and whose is not None]
        before = len(own) - self._failures_in_row
        failed = max(0, own.count(False) - self._failures_in_row)
        share = (failed + 1) / (max(before, failed) + 2)
        by_chance = math.ceil(math.log(policy.chance_of_row) / math.log(share))
        return min(max(by_chance, policy.failures_in_row), policy.failures_after_success)

    def _row(self) -> list[float]:
        """Return the times of the failures since the latest useful unit in any process."""
        failures = [at for at, useful, _ in self._outcomes if not useful][-self._failures_in_row :]
        return [at for at in failures if at >= self.last_useful] if self._failures_in_row else []

    def _fails_often(self, now: float) -> bool:
        policy = self._policy
        return len(self._recent(now)) >= policy.min_requests and not self._has_worked(now)

    def _has_worked(self, now: float) -> bool:
        """Whether most recent requests succeeded."""
        recent = self._recent(now)
        return recent.count(False) < self._policy.failure_share * len(recent)

    def _is_confined(self, now: float) -> bool:
        """Whether all recent failures belong to one workspace while another workspace's requests succeed in this
        process. Then the cause is that workspace's requests."""
        oldest = now - self._policy.window_s
        recent = [(useful, workspace) for at, useful, workspace in self._outcomes if at >= oldest]
        failed = {workspace for useful, workspace in recent if not useful}
        worked = {workspace for useful, workspace in recent if useful}
        return len(failed) == 1 and bool(worked - failed - {None})

    def _recent(self, now: float) -> list[bool]:
        oldest = now - self._policy.window_s
        return [useful for at, useful, _ in self._outcomes if at >= oldest]

    def _forget_success(self) -> None:
        for index in range(len(self._outcomes) - 1, -1, -1):
            if self._outcomes[index][1]:
                del self._outcomes[index]
                return

    def _is_doubtful(self, now: float) -> bool:
        """Whether several requests in any process have failed or wait longer than usual since the last useful unit."""
        most, others = self._policy.failures_in_row, self._heeded(now)
        return self._count_stalled(now) >= most or (others > 0 and self.doubts(now) + others >= most)

    def _count_stalled(self, now: float) -> int:
        policy, oldest = self._policy, max(self.last_useful, now - _LONGEST_WAIT_S)
        latest_start = now - max(policy.stall_s, policy.stall_factor * self._usual_s)
        return sum(oldest <= since < latest_start for since in self._waiting.values())

    def _heeded(self, now: float) -> int:
        """Return the doubts of other processes that count in this process."""
        if self._others_until <= now or now - self.last_useful < self._policy.silence_s or self._has_worked(now):
            return 0
        return self._others


def is_evidence(error: ProviderError) -> bool:
    """Whether a failure is evidence about the provider's account.

    A refused request (a bad option) or an empty reply concerns only its call: other calls may send other requests, and
    the failure costs no wait for a deadline.
    """
    is_outage = error.retryable and not isinstance(error, ReplyUnusable)
    return is_outage or isinstance(error, ProviderBusy | KeyRefused)


def is_brief(error: ProviderError) -> bool:
    """Whether the provider was only full. An exhausted quota lasts longer."""
    return isinstance(error, ProviderBusy) and error.retryable
