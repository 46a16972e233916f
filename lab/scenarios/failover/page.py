"""The section of docs/evidence/failover.md about the matrix."""

from collections.abc import Sequence

from lab.scenarios.failover.bill_differences import difference_table
from lab.scenarios.failover.bills import BillLine
from lab.scenarios.failover.cell_call import SILENCE_MS
from lab.scenarios.failover.cell_result import MOST_SILENCE_MS, CellResult
from lab.scenarios.failover.cells import CHAINS
from lab.scenarios.failover.matrix import MatrixRun
from lab.scenarios.failover.recording import WordErrors
from lab.stage.machine_load import MOST_LAG_MS, MOST_OTHERS, MachineLoad
from lab.stage.vendor_accounts import FIRST_TOKEN_S, PROVIDERS


def matrix_section(run: MatrixRun, took_s: float) -> str:
    """The summary, what was missed, and a table of all cells."""
    results = run.results
    return "\n\n".join(
        [
            _setting(results, took_s),
            load_text(run.load),
            _summary(results),
            "**Missed:**\n\n" + ("\n".join(_misses(results)) or "- nothing"),
            difference_table(results),
            _table([result for result in results if len(result.cell.faults) == 1]),
            "**Two and three at once**\n\n" + _table([result for result in results if len(result.cell.faults) > 1]),
        ]
    )


def load_text(load: MachineLoad | None) -> str:
    """Whether the run is valid, and the machine's load."""
    if load is None:
        return ""
    limits = f"other programs may take {MOST_OTHERS} of a core, and the lag's p99 {MOST_LAG_MS:.0f} ms"
    verdict = (
        "The run is valid" if load.is_valid else f"**The run is not valid**, because the machine was busy ({limits})"
    )
    return f"{verdict}: {load.text}."


def _setting(results: Sequence[CellResult], took_s: float) -> str:
    first_ms = round(FIRST_TOKEN_S * 1_000)
    return f"""{len(results)} calls of three turns, {took_s:.0f} s in all. The first choice of each role has the fault
from when the caller begins to speak in the second turn until the third (*at the start*: from before the call until the
second turn). A turn ends after {SILENCE_MS} ms of silence, a model's first token takes {first_ms} ms, a voice's first
audio 100 ms, so an undisturbed answer begins after about 850 ms. Each account has learned from at least 20 turns
without a fault.

- *wait*: from the caller's last audible sample to the agent's first, *gap*: the longest silence after that; both are
  counted in samples of the audio that the caller received. A filler ("One moment, please.") is sound. *filler, answer*:
  when the first filler and the first word of the answer itself began, where a filler was heard.
- *words*: the agent's in the caller's ear, the caller's at the language model, and both in the call's record.
- A word in which a voice broke off is said whole by the next one. What came of it before is not played if there is
  time, else it counts as doubled if half of it was heard. A word that late audio tears is one word; *gap* tells of it.
- *billed* by the vendor / *metered* by us, of both providers of the role: ms of audio, tokens, or characters; ≈ where
  ours is an estimate, because the vendor reported no usage.
- *after n*: results, tokens, or pieces of audio (100 ms of Sonic and ElevenLabs, 200 ms of Aura and Google) before the
  fault."""


def _summary(results: Sequence[CellResult]) -> str:
    judged = [result for result in results if not result.fault]
    longest = max((ms for one in judged if (ms := one.answer.longest_ms) is not None), default=0.0)
    in_time = sum(result.is_in_time for result in results)
    whole = sum(not result.fault and result.has_all_words for result in results)
    exact = sum(not result.fault and all(line.is_equal for line in result.bills) for result in results)
    rows = [
        ("silence of at most 1.5 s", in_time),
        ("no word lost or doubled", whole),
        ("each bill equal to what we metered", exact),
    ]
    lines = ["| what | cells |", "| --- | --- |", *(f"| {what} | {count} of {len(results)} |" for what, count in rows)]
    lines.append(
        f"| a filler was heard | {sum(one.answer.filler_ms is not None for one in judged)} of {len(results)} |"
    )
    lines.append(f"| longest silence | {longest / 1000:.2f} s |")
    return "\n".join(lines)


def _misses(results: Sequence[CellResult]) -> list[str]:
    lines = []
    for result in results:
        faults = [*_call_misses(result)]
        if faults:
            lines.append(f"- {_name(result)}: {'; '.join(faults)}")
    return lines


def _call_misses(one: CellResult) -> list[str]:
    if one.fault:
        return [one.fault]
    found = []
    longest = one.answer.longest_ms
    if longest is None:
        found.append("no answer")
    elif longest > MOST_SILENCE_MS:
        found.append(f"{longest / 1000:.2f} s of silence")
    for what, errors in (("heard", one.spoken), ("understood", one.understood), ("recorded", one.recorded)):
        if not errors.is_none:
            found.append(f"{what}: {_words(errors)}")
    if one.early:
        found.append(f"{one.early[0].provider} had failed before")
    return found


def _name(one: CellResult) -> str:
    return ", ".join(f"{CHAINS[one.cell.chain].of(fault.role)[0]} {fault.text}" for fault in one.cell.faults)


def _table(results: Sequence[CellResult]) -> str:
    lines = [
        "| fault | wait | gap | filler, answer | words | billed / metered | failed over for |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *map(_row, results)])


def _row(one: CellResult) -> str:
    if one.fault:
        return f"| {_name(one)} | | | | | | {one.fault} |"
    answer = one.answer
    filler = "" if answer.filler_ms is None else f"{_seconds(answer.filler_ms)}, {_seconds(answer.words_ms)}"
    words = "all" if one.has_all_words else "**not all**"
    roles = {fault.role for fault in one.cell.faults}
    bills = ", ".join(_bill(line) for line in one.bills if PROVIDERS[line.provider].role in roles)
    reasons = "; ".join(f"{failed.provider}: {failed.reason}" for failed in one.failures)
    silences = f"{_seconds(answer.wait_ms)} | {_seconds(answer.gap_ms)} | {filler}"
    return f"| {_name(one)} | {silences} | {words} | {bills} | {reasons} |"


def _seconds(ms: float | None) -> str:
    return "none" if ms is None else f"{ms / 1000:.2f} s"


def _bill(line: BillLine) -> str:
    estimated = "≈" if line.estimated else ""
    return f"{line.provider} {line.billed:.0f} / {estimated}{line.metered:.0f}"


def _words(errors: WordErrors) -> str:
    parts = [
        f"{len(errors.lost)} lost" if errors.lost else "",
        f"{len(errors.doubled)} doubled" if errors.doubled else "",
    ]
    parts.append("in another order" if errors.is_disordered else "")
    return ", ".join(part for part in parts if part)
