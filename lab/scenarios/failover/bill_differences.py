"""Why a vendor's bill and what we metered differ, over all cells of the matrix."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from lab.scenarios.failover.bills import BillLine
from lab.scenarios.failover.cell_result import CellResult
from lab.scenarios.failover.cells import CHAINS
from lab.stage.vendor_accounts import PROVIDERS
from simulator.vendors.faults import FaultKind

ESTIMATED: Final = "tokens estimated by us, because the stream ended without the vendor's figures"
UNREAD: Final = "sent to a vendor that reads nothing any more"
ON_ITS_WAY: Final = "on its way when the connection ended"
OTHER: Final = "other"


def difference_table(results: Sequence[CellResult]) -> str:
    """A row for each reason: cells, and how much more we metered than was billed."""
    found: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for line in result.bills:
            if not line.is_equal:
                found[f"{_reason(result, line)} ({_unit(line)})"].append(line.difference)
    rows = [f"| {why} | {len(values)} | {min(values):+.0f} to {max(values):+.0f} |" for why, values in found.items()]
    return "\n".join(["| bills that differ | cells | metered less billed |", "| --- | --- | --- |", *rows])


def _reason(one: CellResult, line: BillLine) -> str:
    role = PROVIDERS[line.provider].role
    kinds = [fault.fault.kind for fault in one.cell.faults if fault.role == role]
    kind: FaultKind | None = kinds[0] if kinds and CHAINS[one.cell.chain].of(role)[0] == line.provider else None
    if line.estimated:
        return ESTIMATED
    if kind == "half_open":
        return UNREAD
    return ON_ITS_WAY if kind is not None and role != "llm" else OTHER


def _unit(line: BillLine) -> str:
    return {"stt": "ms", "llm": "tokens", "tts": "characters"}[PROVIDERS[line.provider].role]
