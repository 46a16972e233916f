"""50 calls while all first choices of all roles fail for a minute."""

from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.outage.figures import measure_turns, outage_rows, read_changes, torn_turns
from lab.scenarios.outage.outage_calls import OutagePhases, run_outage
from lab.scenarios.outage.plot import draw_outage
from lab.verdict import Report, make_report

PLOT: Final = "outage.svg"


async def _run(stage: Stage) -> Report:
    run = await run_outage(stage.root, stage.folder, OutagePhases())
    turns = {call.call_id: list(measure_turns(run, call)) for call in run.calls}
    changes = read_changes(run)
    report = make_report(outage_rows(run, turns, changes), list(torn_turns(run, turns)))
    if stage.options.write is None:
        return report
    draw_outage(run, [turn for own in turns.values() for turn in own], changes, stage.options.write.parent / PLOT)
    picture = f"![Silence of each turn, and when the first choices were out of service]({PLOT})"
    return Report(f"{report.body}\n\n{picture}", report.good, report.details)


SCENARIO: Final = Scenario(
    title="An outage of all first choices",
    intro="""50 calls of over three minutes on two media nodes that share their board of health, and a
short call every two seconds. After half a minute all first choices fail for a minute: connections that are open and new
ones are reset, hang, send what cannot be read, take nothing any more, or report an error, each kind in its turn. Then
they are well again. A provider that fails each probe is left alone for twice as long each time, so its return takes at
most about as long as it was down. A word is said again only where a voice falls silent within its first word
([why](../decisions/0025-a-replacement-voice-starts-at-the-first-incomplete-word.md)).""",
    run=_run,
)
