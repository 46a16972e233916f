"""A campaign of 500 recipients, with two workers of which one is killed, and a pause."""

from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.campaign.campaigns import run_campaigns
from lab.scenarios.campaign.verdict import make_rows
from lab.stage.platform import PlatformShape
from lab.verdict import Verdict

RECIPIENTS: Final = 500
# Calls of about 620 after which the worker is killed, and the pause begins.
KILL_AFTER: Final = 120
PAUSE_AFTER: Final = 240


async def _run(stage: Stage) -> list[Verdict]:
    run = await run_campaigns(stage.platform, stage.words, RECIPIENTS, kill_after=KILL_AFTER, pause_after=PAUSE_AFTER)
    return await make_rows(stage.platform, run)


SCENARIO: Final = Scenario(
    title="A campaign",
    intro="""Written by `python -m lab campaign --write docs/evidence/campaign.md`. PostgreSQL,
Valkey, the API, two workers and two media nodes ran as processes of their own; both carriers were simulated. What is
found is what the phones of the recipients saw, unless another source is named.""",
    shape=PlatformShape(nodes=2, workers=2, call_rate=5.0),
    turns=1,  # what a person says who opts out
    run=_run,
)
