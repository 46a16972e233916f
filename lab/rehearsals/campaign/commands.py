"""`python -m lab campaign`: 500 recipients, two workers of which one is killed, and a pause."""

from collections.abc import Sequence
from typing import Final

from lab.rehearsals.campaign.scenario import run_campaigns
from lab.rehearsals.campaign.verdict import make_rows
from lab.rehearsals.platform import Platform, PlatformShape
from lab.rehearsals.report import ReportRow
from simulator.carrier.prepared_turn import PreparedTurn

TITLE: Final = "A campaign"
HEAD: Final = """Written by `python -m lab campaign --write docs/evidence/campaign.md`. PostgreSQL,
Valkey, the API, two workers and two media nodes ran as processes of their own; both carriers were simulated. What is
found is what the phones of the recipients saw, unless another source is named."""
SHAPE: Final = PlatformShape(nodes=2, workers=2, call_rate=5.0)
RECIPIENTS: Final = 500
# Calls of about 620 after which the worker is killed, and the pause begins.
KILL_AFTER: Final = 120
PAUSE_AFTER: Final = 240


async def campaign(platform: Platform, turns: Sequence[PreparedTurn]) -> list[ReportRow]:
    """turns: what a person says who opts out; the first is said."""
    run = await run_campaigns(platform, turns, RECIPIENTS, kill_after=KILL_AFTER, pause_after=PAUSE_AFTER)
    return await make_rows(platform, run)
