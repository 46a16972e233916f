"""What an outage did to the calls, and how the nodes' boards of health followed it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.faults import Role
from simulator.vendors.voice import find_words, words
from vocalized.rehearse.failover.cells import ROLES
from vocalized.rehearse.failover.conversation import expected_reply
from vocalized.rehearse.failover.outage import CHAIN, OutageCall, OutageRun
from vocalized.rehearse.failover.recording import compare_words, measure_answer
from vocalized.rehearse.scenarios import ReportRow

Phase = Literal["before", "during", "after"]
PHASES: Final[tuple[Phase, ...]] = ("before", "during", "after")
_CHANGES: Final = {"provider.ejected": "ejected", "provider.healed": "healed", "provider.probe_failed": "probe failed"}
_PER_MS: Final = RATE // 1_000


@dataclass(frozen=True, slots=True)
class OutageTurn:
    """One turn. at_s: the end of the caller's speech, since the run began. silence_ms: the longest that the caller
    heard; None without an answer. has_all_words: of its answer, each once."""

    at_s: float
    silence_ms: float | None
    has_all_words: bool


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
        answer = measure_answer(agent, ended_ms, next_ms)
        wanted = words(expected_reply(number))
        audio = agent[ended_ms * _PER_MS : len(agent) if next_ms is None else next_ms * _PER_MS]
        found = [spoken.text for spoken in find_words(decode(audio), set(wanted))]
        at_s = call.started_at + ended_ms / 1_000 - run.begun_at
        yield OutageTurn(at_s, answer.longest_ms, compare_words(wanted, found).is_none)


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


def outage_rows(run: OutageRun, turns: dict[str, list[OutageTurn]], changes: Sequence[BoardChange]) -> list[ReportRow]:
    """The report. turns: by call."""
    wrong = [call for call in run.calls if not _went_well(call, turns[call.call_id])]
    every = [turn for own in turns.values() for turn in own]
    torn = [turn for turn in every if not turn.has_all_words]
    rows = [
        ReportRow("calls at once, and short ones that came and went", "", _call_counts(run), None),
        ReportRow("calls that went wrong", "0", f"{len(wrong)} of {len(run.calls)}", not wrong),
        ReportRow("turns with a word lost or doubled", "0", f"{len(torn)} of {len(every)}", not torn),
        *(_silence_row(run, phase, every) for phase in PHASES),
    ]
    for role in ROLES:
        rows += _role_rows(run, role, [one for one in changes if one.role == role])
    return rows


def _went_well(call: OutageCall, turns: Sequence[OutageTurn]) -> bool:
    return call.ended_well and bool(turns) and all(turn.silence_ms is not None for turn in turns)


def _call_counts(run: OutageRun) -> str:
    long = sum(call.is_long for call in run.calls)
    return f"{long}, {len(run.calls) - long}"


def _silence_row(run: OutageRun, phase: Phase, every: Sequence[OutageTurn]) -> ReportRow:
    found = [turn.silence_ms for turn in every if turn.silence_ms is not None and phase_of(run, turn.at_s) == phase]
    p50, p95, longest = (float(np.percentile(found, share)) / 1_000 for share in (50, 95, 100)) if found else (0, 0, 0)
    return ReportRow(
        f"longest silence of each of {len(found)} turns {phase} the outage: p50, p95, max",
        "≤ 1.5 s",
        f"{p50:.2f}, {p95:.2f}, {longest:.2f} s",
        longest <= 1.5,
    )


def _role_rows(run: OutageRun, role: Role, changes: Sequence[BoardChange]) -> list[ReportRow]:
    first = CHAIN.of(role)[0]
    own = [one for one in changes if one.provider == first]
    struck_s, healed_s = run.struck_at - run.begun_at, run.healed_at - run.begun_at
    failed = sorted(
        datetime.fromisoformat(envelope.at).timestamp() - run.begun_at
        for call in run.calls
        for envelope, event in call.failures
        if event.provider == first
    )
    first_failure_s = next((at for at in failed if at >= struck_s), None)
    ejected = {node: _first(own, "ejected", node, struck_s) for node in range(len(run.logs))}
    returned = {node: _first(own, "healed", node, healed_s) for node in range(len(run.logs))}
    flaps = sum(
        one.what == "ejected" and returned[one.node] is not None and one.at_s > (returned[one.node] or 0.0)
        for one in own
    )
    times = [one.what for one in own if struck_s <= one.at_s < healed_s].count("ejected")
    known = [at for at in ejected.values() if at is not None]
    after_first = max(known) - first_failure_s if known and first_failure_s is not None else None
    backs = [at - healed_s for at in returned.values() if at is not None]
    met, back = f"{run.opened[role]}; {len(failed)}", ", ".join(map(_seconds, backs)) or "never"
    others = sum(one.provider != first and one.what == "ejected" for one in changes)
    return [
        ReportRow(
            f"{first}: first failure after the outage began; from it to the ejection on both nodes",
            "< 1 s",
            f"{_seconds(None if first_failure_s is None else first_failure_s - struck_s)}; {_seconds(after_first)}",
            after_first is not None and len(known) == len(run.logs) and after_first < 1.0,
        ),
        ReportRow(
            f"{first}: ejections in the outage, both nodes", str(len(run.logs)), str(times), times == len(run.logs)
        ),
        ReportRow(f"{first}: connections and requests in the outage; failures that calls met", "", met, None),
        ReportRow(f"{first}: from its recovery to its return, each node", "", back, bool(backs)),
        ReportRow(f"{first}: ejections after its return", "0", str(flaps), not flaps),
        ReportRow(f"{CHAIN.of(role)[1]}: ejections", "0", str(others), not others),
    ]


def _first(changes: Sequence[BoardChange], what: str, node: int, since_s: float) -> float | None:
    return next((one.at_s for one in changes if one.what == what and one.node == node and one.at_s >= since_s), None)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
