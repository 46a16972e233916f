"""The health of all providers in this process, which decides the order in which calls try them.

An ejected provider is out of service until its cool-down is over. Then one request at a time probes it. The first
useful unit (a token, audio, or words while the caller speaks) heals the provider. An ejected provider is never dropped
from a chain.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from media.providers.health_record import HealthPolicy, HealthRecord, is_brief, is_evidence
from media.providers.ports import KeyRefused, ProviderError, ProviderKind, ProviderSlow
from media.providers.wait_history import UsualWait

# The maximum number of accounts whose health is stored. Beyond it, the least recently used accounts in service are
# removed.
MAX_RECORDS: Final = 1_000
# An ejected account without an attempt for this long after its cool-down is assumed to be in no plan, for example
# because its key was replaced.
ABANDONED_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class HealthKey:
    """Identifies a health record: a provider with one account and configuration, whose digest is `fingerprint`."""

    kind: ProviderKind
    provider: str
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A change of a provider's health.

    Attributes:
        what: "ejected" and "healed" change whether the provider is in service. "extended": a probe failed. "probed": a
            probe began. "refuted": another process ejected the provider, but it has worked since. "forgotten": the
            provider was ejected, and no request has used it since.
        cool_down_s: The cool-down from now on; 0 if the provider works.
        evidence_s: The time since the first of the failures that ejected it, since the ejection that the probe follows,
            or since the useful unit that refutes the ejection.
        shared: The change was reported by another process, or is irrelevant to other processes.
    """

    key: HealthKey
    what: Literal["ejected", "extended", "probed", "healed", "refuted", "forgotten"]
    ejections: int = 0
    cool_down_s: float = 0.0
    reason: str = ""
    shared: bool = False
    evidence_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SharedHealth:
    """A report from another process.

    Attributes:
        version: The version of the report, which grows with each report on the key.
        age_s: The time since the reported event.
        left_s: The rest of the cool-down, or None if the provider works.
    """

    version: int
    age_s: float
    left_s: float | None
    ejections: int = 0


class HealthBoard:
    """Stores the health of all providers. Must be used on one event loop only.

    Args:
        clock: Returns the time in seconds.
        chance: Returns a random number from 0 to 1.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        policy: HealthPolicy | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._policy = policy or HealthPolicy()
        self._chance = chance
        self._records: dict[HealthKey, HealthRecord] = {}
        self._listeners: list[Callable[[HealthChange], None]] = []
        self._out_of_service: frozenset[str] = frozenset()
        self._service_watchers: dict[object, Callable[[], None]] = {}

    def subscribe(self, listener: Callable[[HealthChange], None]) -> None:
        """Call the listener for every change."""
        self._listeners.append(listener)

    def is_usable(self, key: HealthKey) -> bool:
        """Return whether a request may try this provider before ejected ones."""
        record = self._records.get(key)
        is_healthy = record is None or record.is_usable(self._clock())
        return is_healthy and key.provider not in self._out_of_service

    def set_out_of_service(self, providers: frozenset[str]) -> None:
        """Replace the names of the providers that the staff took out of service, and notify the watchers of new ones.

        Each further request, even of running calls, tries these providers last.
        """
        added, self._out_of_service = providers - self._out_of_service, providers
        if added:
            for watcher in tuple(self._service_watchers.values()):
                watcher()

    def is_in_service(self, key: HealthKey) -> bool:
        """Return whether the provider is in service, that is, whether staff has not taken it out of service."""
        return key.provider not in self._out_of_service

    def watch_service(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call the watcher when providers are taken out of service. Return a function that removes the watcher."""
        handle = object()
        self._service_watchers[handle] = watcher
        return lambda: self._service_watchers.pop(handle, None) and None

    def usual_wait(self, key: HealthKey) -> UsualWait | None:
        """Return the usual time to the provider's first useful unit (for a recognizer: to the final text).

        Returns None until this process has measured enough waits.
        """
        record = self._records.get(key)
        return None if record is None else record.waits.usual()

    def correct_figures(self, key: HealthKey, figures: UsualWait) -> UsualWait:
        """Return the vendor's figures for the usual wait, corrected by the first answers."""
        record = self._records.get(key)
        return figures if record is None else record.waits.correct(figures)

    def usual_gap(self, key: HealthKey) -> UsualWait | None:
        """Return the usual longest time between two units of a stream, or None until this process has measured enough
        streams."""
        record = self._records.get(key)
        return None if record is None else record.gaps.usual()

    def start(self, key: HealthKey, workspace: str = "") -> "ProviderAttempt":
        """Start a workspace's attempt at a provider. The attempt is the probe if one is due."""
        record, now = self._records.get(key), self._clock()
        attempt = ProviderAttempt(self, key, workspace)
        if record is not None and record.is_half_open(now):
            record.start_probe(attempt, now)
            # "probed" does not affect the provider: if it has worked since its ejection, it stays in service.
            age_s = record.ejected_age(now)
            self._emit(HealthChange(key, "probed", record.ejections, self._policy.probe_s, evidence_s=age_s))
        return attempt

    def learn(self, key: HealthKey, shared: SharedHealth) -> None:
        """Apply a report from another process. A report that was applied before changes nothing.

        A provider that this process itself ejected stays ejected for at most a first cool-down if another process
        reports that it works, because the fault may be on this machine.
        """
        record, now, policy = self._shared_record(key), self._clock(), self._policy
        if record is None or shared.version <= record.version or not policy.cool_down_s:
            return
        record.version = shared.version
        if shared.left_s is None:
            self._learn_healed(key, record, now)
        elif record.ejected_until is None and record.last_useful > now - shared.age_s:
            self._emit(HealthChange(key, "refuted", evidence_s=now - record.last_useful))
        else:
            left_s = min(max(0.0, shared.left_s), policy.max_cool_down_s)
            self._learn_ejected(key, record, now, left_s, shared.ejections)

    def forget_versions(self) -> None:
        """Reset all versions, because the clock that numbers reports was set back and further reports have lower
        versions."""
        for record in self._records.values():
            record.version = 0

    def recent(self) -> dict[HealthKey, tuple[int, float | None]]:
        """Return the recent health that other processes need: doubts, and seconds since the latest useful unit."""
        now = self._clock()
        self._forget_abandoned(now)
        seen = {key: (record.doubts(now), record.useful_age(now)) for key, record in self._records.items()}
        return {key: (doubts, age_s) for key, (doubts, age_s) in seen.items() if doubts or age_s is not None}

    def heed(self, key: HealthKey, doubts: int, useful_age_s: float | None) -> None:
        """Store the total of other processes' doubts about the provider, and the age of their latest useful unit."""
        record = self._shared_record(key)
        if record is not None and self._policy.cool_down_s:
            record.heed(self._clock(), doubts, useful_age_s)

    def start_wait(self, attempt: "ProviderAttempt") -> None:
        """Record that the attempt waits for its first useful unit."""
        if self._policy.cool_down_s:
            self._record(attempt.key).start_wait(attempt, self._clock())

    def cease_wait(self, attempt: "ProviderAttempt") -> None:
        """Record that the attempt no longer waits. The wait does not count."""
        record = self._records.get(attempt.key)
        if record is not None:
            record.end_wait(attempt)

    def report_useful(self, attempt: "ProviderAttempt") -> None:
        """Record the attempt's first useful unit, which heals an ejected provider."""
        key, now = attempt.key, self._clock()
        record = self._record(key)
        record.add_useful(now, record.end_wait(attempt), attempt.workspace)
        if record.ejected_until is not None:
            record.heal(now)
            self._emit(HealthChange(key, "healed"))

    def report_answer(self, attempt: "ProviderAttempt") -> None:
        """Record how long the attempt waited for its answer, whether or not the answer is useful."""
        record = self._record(attempt.key)
        since = record.end_wait(attempt)
        if since is not None:
            record.add_wait(self._clock() - since)

    def report_gap(self, attempt: "ProviderAttempt", seconds: float, *, stalled: bool) -> None:
        """Record the longest time between two units of this attempt's stream.

        Args:
            stalled: No unit followed the gap.
        """
        gaps = self._record(attempt.key).gaps
        if stalled:
            gaps.add_cut_off(seconds)
        else:
            gaps.add(seconds)

    def report_failure(self, attempt: "ProviderAttempt", error: ProviderError) -> None:
        """Record a failure. If the provider is ejected, only a failure of the probe counts."""
        record, now = self._record(attempt.key), self._clock()
        since = record.end_wait(attempt)
        if since is not None and isinstance(error, ProviderSlow):
            record.waits.add_cut_off(now - since)
        if not is_evidence(error) or not self._policy.cool_down_s:
            self.release(attempt)
        elif record.ejected_until is not None:
            if record.is_probe(attempt):
                self._eject(attempt.key, record, error, "extended")
        elif isinstance(error, KeyRefused):
            if record.add_refusal(now, attempt.workspace):
                self._eject(attempt.key, record, error, "ejected")
        elif record.add_failure(now, attempt.workspace, after_useful=attempt.useful):
            self._eject(attempt.key, record, error, "ejected")

    def release(self, attempt: "ProviderAttempt") -> None:
        """End the attempt without a result."""
        record = self._records.get(attempt.key)
        if record is not None:
            record.end_wait(attempt)
            record.end_probe(attempt)

    def _eject(
        self, key: HealthKey, record: HealthRecord, error: ProviderError, what: Literal["ejected", "extended"]
    ) -> None:
        now = self._clock()
        evidence_s = now - record.first_failure(now)
        cool_down_s = record.eject(now, brief=is_brief(error))
        record.ejected_until = now + self._spread(cool_down_s)
        record.own_evidence = True
        change = HealthChange(key, what, record.ejections, cool_down_s, error.reason, evidence_s=evidence_s)
        self._emit(change)

    def _learn_ejected(self, key: HealthKey, record: HealthRecord, now: float, left_s: float, ejections: int) -> None:
        known = record.ejected_until
        record.adopt(now, ejections)
        if known is not None:
            record.ejected_until = max(known, now + left_s)
            return
        record.ejected_until = now + self._spread(left_s)
        self._emit(HealthChange(key, "ejected", record.ejections, left_s, shared=True))

    def _learn_healed(self, key: HealthKey, record: HealthRecord, now: float) -> None:
        if record.ejected_until is None:
            return
        if record.own_evidence:
            record.ejected_until = min(record.ejected_until, now + self._policy.cool_down_s)
            return
        record.heal(now)
        self._emit(HealthChange(key, "healed", shared=True))

    def _spread(self, cool_down_s: float) -> float:
        return cool_down_s * (1.0 + self._policy.jitter * self._chance())

    def _record(self, key: HealthKey) -> HealthRecord:
        """Return the key's record as the most recently used. A missing record is created, but it is not stored if
        ejected accounts use all places."""
        record = self._records.pop(key, None) or HealthRecord(self._policy)
        if len(self._records) < MAX_RECORDS or self._forget_one():
            self._records[key] = record
        return record

    def _shared_record(self, key: HealthKey) -> HealthRecord | None:
        """Return the key's record, or None if it is missing and no place is free. Reports from other processes never
        displace a record that this process uses."""
        record = self._records.get(key)
        if record is None and len(self._records) < MAX_RECORDS:
            record = self._records[key] = HealthRecord(self._policy)
        return record

    def _forget_one(self) -> bool:
        """Remove the least recently used record that is in service. Return False if all accounts are ejected."""
        oldest = next((key for key, record in self._records.items() if record.ejected_until is None), None)
        if oldest is not None:
            del self._records[oldest]
        return oldest is not None

    def _forget_abandoned(self, now: float) -> None:
        """Remove abandoned accounts. Otherwise, an account whose key was replaced would be reported as ejected until
        the process ends."""
        latest = now - ABANDONED_S
        for key in [key for key, one in self._records.items() if one.ejected_until is not None]:
            if (self._records[key].ejected_until or now) < latest:
                del self._records[key]
                self._emit(HealthChange(key, "forgotten", shared=True))

    def _emit(self, change: HealthChange) -> None:
        for listener in self._listeners:
            listener(change)


class ProviderAttempt:
    """One attempt at a provider, from its start to its result: useful, failed, or released without a result.

    Attributes:
        useful: Whether the attempt received a useful unit.
    """

    __slots__ = ("_board", "key", "useful", "workspace")

    def __init__(self, board: HealthBoard, key: HealthKey, workspace: str) -> None:
        self._board = board
        self.key = key
        self.workspace = workspace
        self.useful = False

    def start_wait(self) -> None:
        """Start the wait for the first useful unit. Does nothing after that unit."""
        if not self.useful:
            self._board.start_wait(self)

    def await_answer(self) -> None:
        """Start the wait for an answer that follows earlier units: a recognizer's final text."""
        self._board.start_wait(self)

    def mark_answered(self) -> None:
        """Record that the awaited answer arrived."""
        self._board.report_answer(self)

    def cease_waiting(self) -> None:
        """Stop waiting for the answer without a result."""
        self._board.cease_wait(self)

    def add_gap(self, seconds: float, *, stalled: bool) -> None:
        """Record the longest time between two units of the stream.

        Args:
            stalled: No unit followed the gap.
        """
        self._board.report_gap(self, seconds, stalled=stalled)

    def mark_useful(self) -> None:
        """Record the first useful unit. Further calls change nothing."""
        if not self.useful:
            self._board.report_useful(self)
            self.useful = True

    def fail(self, error: ProviderError) -> None:
        """Record a failure of the provider."""
        self._board.report_failure(self, error)

    def release(self) -> None:
        """End the attempt without a result, for example because the caller interrupted."""
        self._board.release(self)
