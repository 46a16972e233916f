"""The health of one provider's account, as this process knows it. Pure; times are in seconds."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ReplyUnusable
from media.providers.wait_history import WaitHistory

NEVER: Final = -math.inf
# A cool-down doubles at most this often, so that the number stays finite.
_MOST_DOUBLINGS: Final = 30
# Longer than any deadline: a request that waits for longer has crashed.
_LONGEST_WAIT_S: Final = 60.0
# How long a failure is a reason to doubt, and how long the doubts of others count.
_DOUBT_S: Final = 10.0
_HEED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a provider is ejected, and for how long. All times in seconds.

    cool_down_s: of the first ejection; it doubles with each further one up to max_cool_down_s. 0 turns the board off.
    busy_s: cool-down of a provider that was full. jitter: share by which a process lengthens its cool-downs at random,
    so that not all processes probe at once.
    failures_in_row: failures without a useful unit between them, here or with other processes, and for silence_s before
    the last, that eject. While it works otherwise, a row has to be so long that it would come by chance with
    chance_of_row at most, by the share that failed before; failures_after_success are always enough.
    refusals_in_row: answers here that the key is not accepted, without a useful unit between them, that eject.
    window_s, window: age and number of the outcomes that count for the share; min_requests: fewest that it is taken of;
    failure_share: failures among them that eject.
    probe_s: how long a probe without a result keeps others from probing.
    stall_s, stall_factor: requests (failures_in_row of them) that wait for longer than stall_s, and stall_factor times
    longer than usual, while no useful unit comes, send new requests to the next provider.
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
        """The cool-down of the ejection of this number, counted from 1."""
        doublings = min(max(ejections - 1, 0), _MOST_DOUBLINGS)
        return min(self.cool_down_s * 2.0**doublings, max(self.cool_down_s, self.max_cool_down_s))


class HealthRecord:
    """In service, or ejected until a time; after it half-open: one request at a time may probe it.

    ejected_until: None while in service. ejections: in a row; starts anew after max_cool_down_s in service.
    own_evidence: this process saw the failures itself. version: of the shared state applied last.
    """

    def __init__(self, policy: HealthPolicy) -> None:
        self.ejected_until: float | None = None
        self.ejections = 0
        self.own_evidence = False
        self.last_useful = NEVER  # here or with another process
        self.version = 0
        self._policy = policy
        self._ejected_at = self._healed_at = NEVER
        self._probe: object | None = None
        self._probe_until = NEVER
        self._own_useful = NEVER
        self._failures_in_row = 0  # since the latest useful unit here
        # Time, whether useful, and whose request it was; None: of another process.
        self._outcomes: deque[tuple[float, bool, str | None]] = deque(maxlen=policy.window)
        self._refusals: deque[tuple[float, str]] = deque(maxlen=policy.window)  # of the key, and whose request it was
        self._waiting: dict[object, float] = {}  # requests without a useful unit, by their start, oldest first
        self._others, self._others_until = 0, NEVER  # doubts of other processes
        self._usual_s = 0.0  # wait for the useful unit, as a moving average
        self.waits = WaitHistory()  # for a first unit; of a recognizer, for a final text
        self.gaps = WaitHistory()  # the longest of each stream, between two units

    def is_usable(self, now: float) -> bool:
        """Whether a request may be sent there first."""
        return self.is_half_open(now) if self.ejected_until is not None else not self._is_doubtful(now)

    def is_half_open(self, now: float) -> bool:
        """Whether its cool-down is over and nobody probes it."""
        return self.ejected_until is not None and self.ejected_until <= now and self._probe_until <= now

    def start_probe(self, request: object, now: float) -> None:
        """Keeps other requests from probing until the result, for probe_s at most."""
        self._probe, self._probe_until = request, now + self._policy.probe_s

    def is_probe(self, request: object) -> bool:
        """Whether the request is the latest probe, and the provider was neither healed nor ejected since."""
        return self._probe is request

    def end_probe(self, request: object) -> None:
        """If the request is the latest probe, it had no result: the next request may probe."""
        if self._probe is request:
            self._probe, self._probe_until = None, NEVER

    def start_wait(self, request: object, now: float) -> None:
        """A request waits for its first useful unit."""
        while self._waiting and next(iter(self._waiting.values())) < now - _LONGEST_WAIT_S:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[request] = now

    def end_wait(self, request: object) -> float | None:
        """The request waits no longer; returns when it began, None if it did not wait."""
        return self._waiting.pop(request, None)

    def add_useful(self, now: float, since: float | None, workspace: str = "") -> None:
        """Adds a request's first useful unit. since: when it began to wait."""
        self.last_useful = self._own_useful = now
        self._failures_in_row = 0
        self._refusals.clear()
        self._outcomes.append((now, True, workspace))
        if since is not None:
            self.add_wait(now - since)

    def add_wait(self, seconds: float) -> None:
        """Adds how long a request waited for what it was answered with."""
        self.waits.add(seconds)
        self._usual_s = 0.8 * self._usual_s + 0.2 * seconds if self._usual_s else seconds

    def add_failure(self, now: float, workspace: str = "", *, after_useful: bool) -> bool:
        """Adds a failure; returns whether it is one too many. after_useful: it replaces the request's success."""
        if after_useful:
            self._forget_success()
        self._outcomes.append((now, False, workspace))
        self._failures_in_row += 1
        return (self._is_dead(now) or self._fails_often(now)) and not self._is_confined(now)

    def add_refusal(self, now: float, workspace: str = "") -> bool:
        """Adds an answer that the key is not accepted; returns whether it is one too many. Apart from other failures: a
        workspace may ask for what the key has no right to, so those of one while others' requests succeed do not count.
        """
        self._refusals.append((now, workspace))
        oldest = now - self._policy.window_s
        recent = [whose for at, whose in self._refusals if at >= oldest]
        served = {whose for at, useful, whose in self._outcomes if useful and at >= oldest and whose is not None}
        is_confined = len(set(recent)) == 1 and bool(served - set(recent))
        return len(recent) >= self._policy.refusals_in_row and not is_confined

    def doubts(self, now: float) -> int:
        """Failures and overlong waits that others should know of; none while most recent requests succeeded."""
        if self.ejected_until is not None or not (self._failures_in_row or self._waiting):
            return 0
        if self._has_worked(now) or self._is_confined(now):
            return 0
        return sum(at >= now - _DOUBT_S for at in self._row()) + self._count_stalled(now)

    def useful_age(self, now: float) -> float | None:
        """Seconds since the latest useful unit here; None if that is long ago."""
        age_s = now - self._own_useful
        return age_s if age_s <= _HEED_S else None

    def heed(self, now: float, doubts: int, useful_age_s: float | None) -> None:
        """Other processes together have so many doubts, and got a useful unit so long ago."""
        self._others, self._others_until = doubts, now + _HEED_S
        if useful_age_s is not None and now - useful_age_s > self.last_useful:
            self.last_useful = now - useful_age_s
            self._outcomes.append((self.last_useful, True, None))

    def first_failure(self, now: float) -> float:
        """When the first of the failures in a row came, or the probe began; `now` without any."""
        if self._probe is not None:
            return self._probe_until - self._policy.probe_s
        return min(self._row(), default=now)

    def eject(self, now: float, *, brief: bool) -> float:
        """Counts an ejection and returns its cool-down in seconds; the caller sets ejected_until. brief: a provider
        that was full comes back soon, however often. Its waits are forgotten: they are of before the fault, and one
        that only became slower would lose each probe by them."""
        policy = self._policy
        self.waits, self.gaps = WaitHistory(), WaitHistory()
        self._forget_old_ejections(now)
        self.ejections = max(self.ejections, 1) if brief else self.ejections + 1
        self._ejected_at = now
        self._clear()
        return min(policy.busy_s, policy.cool_down_s) if brief else policy.cool_down(self.ejections)

    def adopt(self, now: float, ejections: int) -> None:
        """Another process has ejected it so many times in a row."""
        self.waits, self.gaps = WaitHistory(), WaitHistory()
        self._forget_old_ejections(now)
        self.ejections = max(self.ejections, ejections)
        self._ejected_at = now

    def ejected_age(self, now: float) -> float:
        """Seconds since the latest ejection or failed probe."""
        return now - self._ejected_at

    def heal(self, now: float) -> None:
        """It is in service again."""
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
        """How many failures in a row are too many for a provider that works otherwise. The share that failed before is
        taken a little too high (Laplace's rule of succession), because few outcomes say little. Of other processes only
        what worked is known, so theirs say nothing of it."""
        policy, oldest = self._policy, now - self._policy.window_s
        own = [useful for at, useful, whose in self._outcomes if at >= oldest and whose is not None]
        before = len(own) - self._failures_in_row
        failed = max(0, own.count(False) - self._failures_in_row)
        share = (failed + 1) / (max(before, failed) + 2)
        by_chance = math.ceil(math.log(policy.chance_of_row) / math.log(share))
        return min(max(by_chance, policy.failures_in_row), policy.failures_after_success)

    def _row(self) -> list[float]:
        """Times of the failures since the latest useful unit here or with another process."""
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
        """Whether all recent failures are one workspace's, while another's requests succeed here: then the cause is
        what it asks for."""
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
        """Whether several requests since the last useful unit, here or elsewhere, failed or wait longer than usual."""
        most, others = self._policy.failures_in_row, self._heeded(now)
        return self._count_stalled(now) >= most or (others > 0 and self.doubts(now) + others >= most)

    def _count_stalled(self, now: float) -> int:
        policy, oldest = self._policy, max(self.last_useful, now - _LONGEST_WAIT_S)
        latest_start = now - max(policy.stall_s, policy.stall_factor * self._usual_s)
        return sum(oldest <= since < latest_start for since in self._waiting.values())

    def _heeded(self, now: float) -> int:
        """The doubts of others that count here."""
        if self._others_until <= now or now - self.last_useful < self._policy.silence_s or self._has_worked(now):
            return 0
        return self._others


def is_evidence(error: ProviderError) -> bool:
    """Whether a failure says something about the provider's account. One that refuses this request (a bad option) or
    answers it with nothing concerns the call alone: other calls may bring other requests, and it costs no wait for a
    deadline."""
    is_outage = error.retryable and not isinstance(error, ReplyUnusable)
    return is_outage or isinstance(error, ProviderBusy | KeyRefused)


def is_brief(error: ProviderError) -> bool:
    """Whether the provider was only full; a quota that is used up lasts longer."""
    return isinstance(error, ProviderBusy) and error.retryable
