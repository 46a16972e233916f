"""What an outage did to the calls, and how the nodes' boards of health followed it."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from lab.scenarios.failover.cells import ROLES
from lab.scenarios.failover.recording import WordErrors, compare_words, heard_words, measure_answer
from lab.scenarios.outage.outage_calls import CHAIN, OutageCall, OutageRun
from lab.stage.conversation import FILLERS, expected_reply
from lab.stage.machine_load import MOST_LAG_MS, MOST_OTHERS, MachineLoad
from lab.verdict import Verdict
from shared.events import EventEnvelope
from simulator.carrier.mulaw import RATE
from simulator.vendors.faults import Role
from simulator.vendors.voice import words

Phase = Literal["before", "during", "after"]
PHASES: Final[tuple[Phase, ...]] = ("before", "during", "after")
_CHANGES: Final = {"provider.ejected": "ejected", "provider.healed": "healed", "provider.probe_failed": "probe failed"}
# Causes of failures that are a deadline.
MISSED: Final = ("late", "stalled")
MOST_EJECTION_S: Final = 1.0
# A failure so near to the end of the caller's speech may concern the turn.
_NEAR_S: Final = 10.0
_PER_MS: Final = RATE // 1_000


@dataclass(frozen=True, slots=True)
class OutageTurn:
    """One turn. at_s: the end of the caller's speech, since the run began. silence_ms: the longest that the caller
    heard; None without an answer. number: in its call, from 1. errors: of the words of its answer. has_filler: a filler
    was heard."""

    at_s: float
    number: int
    silence_ms: float | None
    errors: WordErrors
    has_filler: bool


@dataclass(frozen=True, slots=True)
class BoardChange:
    """One change on a node's board, from its log. at_s: since the run began. is_shared: another node told of it."""

    at_s: float
    node: int
    role: Role
    provider: str
    what: str
    is_shared: bool


def measure_turns(run: OutageRun, call: OutageCall) -> Iterator[OutageTurn]:
    """All turns of a call."""
    if call.record is None:
        return
    agent, reports = bytes(call.record.audio.agent), call.party.caller.reports
    for number, report in enumerate(reports, start=1):
        ended_ms = report.speech_ended_ms or 0
        next_ms = reports[number].began_ms if number < len(reports) else None
        reply = expected_reply(number)
        answer = measure_answer(agent, ended_ms, next_ms, answer=reply, fillers=FILLERS)
        audio = agent[ended_ms * _PER_MS : len(agent) if next_ms is None else next_ms * _PER_MS]
        errors = compare_words(words(reply), heard_words(audio, words(reply)))
        at_s = call.started_at + ended_ms / 1_000 - run.begun_at
        yield OutageTurn(at_s, number, answer.longest_ms, errors, answer.filler_ms is not None)


def read_changes(run: OutageRun) -> list[BoardChange]:
    """What the nodes' logs say of their boards, in order."""
    found = []
    for node, log in enumerate(run.logs):
        for line in log.read_text().splitlines():
            entry = json.loads(line) if line.startswith("{") else {}
            if entry.get("event") in _CHANGES:
                at_s = datetime.fromisoformat(entry["timestamp"]).timestamp() - run.begun_at
                what = _CHANGES[entry["event"]]
                found.append(BoardChange(at_s, node, entry["kind"], entry["provider"], what, bool(entry.get("shared"))))
    return sorted(found, key=lambda change: change.at_s)


def phase_of(run: OutageRun, at_s: float) -> Phase:
    """The phase in which this time is."""
    if at_s < run.struck_at - run.begun_at:
        return "before"
    return "during" if at_s < run.healed_at - run.begun_at else "after"


def outage_rows(run: OutageRun, turns: dict[str, list[OutageTurn]], changes: Sequence[BoardChange]) -> list[Verdict]:
    """The report. turns: by call."""
    wrong = [call for call in run.calls if not _went_well(call, turns[call.call_id])]
    every = [turn for own in turns.values() for turn in own]
    torn = [turn for turn in every if not turn.errors.is_none]
    rows = [
        *([load_row(run.load)] if run.load is not None else []),
        Verdict("calls at once, and short ones that came and went", "", _call_counts(run), None),
        Verdict("calls that went wrong", "0", f"{len(wrong)} of {len(run.calls)}", not wrong),
        Verdict("turns with a word lost or doubled", "0", f"{len(torn)} of {len(every)}", not torn),
        Verdict("turns in which a filler was heard", "", f"{sum(turn.has_filler for turn in every)}", None),
        *(_silence_row(run, phase, every) for phase in PHASES),
    ]
    for role in ROLES:
        rows += _role_rows(run, role, [change for change in changes if change.role == role])
    return rows


def torn_turns(run: OutageRun, turns: dict[str, list[OutageTurn]]) -> Iterator[str]:
    """A line for each turn with a word lost or doubled, with the failures that its call met around it."""
    for call in run.calls:
        for turn in turns[call.call_id]:
            if turn.errors.is_none:
                continue
            met = [(_run_seconds(run, envelope), event) for envelope, event in call.failures]
            near = [f"{event.provider} {event.cause} at {at:.2f}" for at, event in met if abs(at - turn.at_s) < _NEAR_S]
            yield (
                f"{call.call_id}, node {call.node}, turn {turn.number} at {turn.at_s:.2f} s: "
                f"lost {list(turn.errors.lost)}, doubled {list(turn.errors.doubled)}; {', '.join(near) or 'no failure'}"
            )


def _run_seconds(run: OutageRun, envelope: EventEnvelope) -> float:
    return datetime.fromisoformat(envelope.at).timestamp() - run.begun_at


def load_row(load: MachineLoad) -> Verdict:
    """Whether the machine was idle enough for the other rows to be the calls'."""
    demanded = f"others ≤ {MOST_OTHERS} of a core, p99 ≤ {MOST_LAG_MS:.0f} ms"
    return Verdict("load of the machine; a run is valid only within it", demanded, load.text, load.is_valid)


def _went_well(call: OutageCall, turns: Sequence[OutageTurn]) -> bool:
    return call.ended_well and bool(turns) and all(turn.silence_ms is not None for turn in turns)


def _call_counts(run: OutageRun) -> str:
    long = sum(call.is_long for call in run.calls)
    return f"{long}, {len(run.calls) - long}"


def _silence_row(run: OutageRun, phase: Phase, every: Sequence[OutageTurn]) -> Verdict:
    found = [turn.silence_ms for turn in every if turn.silence_ms is not None and phase_of(run, turn.at_s) == phase]
    p50, p95, longest = (float(np.percentile(found, share)) / 1_000 for share in (50, 95, 100)) if found else (0, 0, 0)
    return Verdict(
        f"longest silence of each of {len(found)} turns {phase} the outage: p50, p95, max",
        "≤ 1.5 s",
        f"{p50:.2f}, {p95:.2f}, {longest:.2f} s",
        longest <= 1.5,
    )


def _role_rows(run: OutageRun, role: Role, changes: Sequence[BoardChange]) -> list[Verdict]:
    first, second = CHAIN.of(role)
    own = [change for change in changes if change.provider == first]
    struck_s, healed_s, nodes = run.struck_at - run.begun_at, run.healed_at - run.begun_at, range(len(run.logs))
    ejections = [_read_ejection(run, own, first, node) for node in nodes]
    returned = [_find(own, "healed", node, healed_s) for node in nodes]
    flaps = sum(one.what == "ejected" and one.at_s > (returned[one.node] or math.inf) for one in own)
    times = [one.what for one in own if struck_s <= one.at_s < healed_s].count("ejected")
    failures = sum(event.provider == first for call in run.calls for _, event in call.failures)
    backs = [at - healed_s for at in returned if at is not None]
    others = sum(change.provider == second and change.what == "ejected" for change in changes)
    return [
        Verdict(
            f"{first}: ejection on each node, after its first missed deadline",
            "< 1 s",
            "; ".join(ejection.text for ejection in ejections),
            all(ejection.is_in_time for ejection in ejections),
        ),
        Verdict(f"{first}: ejections in the outage, all nodes", str(len(nodes)), str(times), times == len(nodes)),
        Verdict(
            f"{first}: connections and requests in the outage; failures that calls met",
            "",
            f"{run.opened[role]}; {failures}",
            None,
        ),
        Verdict(
            f"{first}: from its recovery to its return, each node",
            "",
            ", ".join(map(_seconds, backs)) or "never",
            len(backs) == len(nodes),
        ),
        Verdict(f"{first}: ejections after its return", "0", str(flaps), not flaps),
        Verdict(f"{second}: ejections", "0", str(others), not others),
    ]


@dataclass(frozen=True, slots=True)
class NodeEjection:
    """The first ejection of a provider on one node in the outage. Seconds since the run began, None for what did not
    happen. failed_s: the first failure that a call of the node met; missed_s: the first that was a missed deadline.
    failures: that the node's calls met before the ejection."""

    failed_s: float | None
    missed_s: float | None
    ejected_s: float | None
    failures: int

    @property
    def is_in_time(self) -> bool:
        """Whether it came within a second of the first missed deadline, or before any was missed."""
        if self.ejected_s is None:
            return False
        return self.missed_s is None or self.ejected_s - self.missed_s < MOST_EJECTION_S

    @property
    def text(self) -> str:
        """For a table."""
        if self.ejected_s is None:
            return "never"
        is_before = self.missed_s is None or self.missed_s >= self.ejected_s
        after = "before any" if is_before else _seconds(self.ejected_s - (self.missed_s or 0.0))
        since = "" if self.failed_s is None else f", {_seconds(self.ejected_s - self.failed_s)} after the first one"
        return f"{after} ({self.failures} failures{since})"


def _read_ejection(run: OutageRun, changes: Sequence[BoardChange], provider: str, node: int) -> NodeEjection:
    struck_s = run.struck_at - run.begun_at
    ejected_s = _find(changes, "ejected", node, struck_s)
    failed = sorted(
        (_run_seconds(run, envelope), event.cause)
        for call in run.calls
        for envelope, event in call.failures
        if event.provider == provider and call.node == node
    )
    met = [(at, cause) for at, cause in failed if at >= struck_s]
    return NodeEjection(
        failed_s=next((at for at, _ in met), None),
        missed_s=next((at for at, cause in met if cause in MISSED), None),
        ejected_s=ejected_s,
        failures=sum(ejected_s is not None and at <= ejected_s for at, _ in met),
    )


def _find(changes: Sequence[BoardChange], what: str, node: int, since_s: float) -> float | None:
    return next(
        (change.at_s for change in changes if change.what == what and change.node == node and change.at_s >= since_s),
        None,
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
