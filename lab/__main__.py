"""`python -m lab [SCENARIO…]` runs scenarios and prints the results; all of them write
docs/evidence/stack.md.

`python -m lab --redis-cluster [greeting|house|node]` runs one of them, the first if none is named, with
three Valkeys as a cluster in Redis's place;
`python -m lab upgrade FOLDER` runs a rolling upgrade to this checkout from the one in FOLDER, whose
programs run in its own environment;
`python -m lab dead-provider` runs calls whose first language model is dead;
`python -m lab failover [--write docs/evidence/failover.md]` runs calls over simulated vendors, with each
fault of each role; `python -m lab outage [--write docs/evidence/failover.md]` lets all first choices
fail under 50 calls;
`python -m lab pairings` runs a call with each recognizer and each voice, models in turn, and one of each
model with tools;
`python -m lab worst-bodies` sends the worst body of each route beside new calls;
`python -m lab transfers` runs warm transfers, judged on what was recorded and heard;
`python -m lab tools [--write docs/evidence/tools.md]` runs these, and agents that use tools;
`python -m lab campaign [--write docs/evidence/campaign.md]` runs a campaign of 500 recipients;
`python -m lab keys [--write docs/evidence/keys.md]` rotates all keys and revokes nodes under 50 calls;
`python -m lab full-disk` fills the nodes' disk, and that of all logs, for a minute under 50 calls;
`python -m lab chaos [--write docs/evidence/chaos.md]` plays faults of all neighbors and surroundings.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from lab.rehearsals.callers import caller_turns
from lab.rehearsals.campaign.commands import HEAD as CAMPAIGN_HEAD
from lab.rehearsals.campaign.commands import SHAPE as CAMPAIGN
from lab.rehearsals.campaign.commands import TITLE as CAMPAIGN_TITLE
from lab.rehearsals.campaign.commands import campaign
from lab.rehearsals.chaos.commands import rehearse_chaos
from lab.rehearsals.checkout_environment import SetupFailed, find_python
from lab.rehearsals.dead_provider import TURNS, compare_boards, dead_model_calls, print_flapping
from lab.rehearsals.failover.commands import read_page, rehearse_failover, rehearse_outage
from lab.rehearsals.full_disk import SHAPE as FULL_DISK
from lab.rehearsals.full_disk import TURNS as TURNS_ON_FULL_DISK
from lab.rehearsals.full_disk import full_disk
from lab.rehearsals.keys import HEAD as KEYS_HEAD
from lab.rehearsals.keys import SHAPE as KEYS
from lab.rehearsals.keys import TITLE as KEYS_TITLE
from lab.rehearsals.keys import TURNS as TURNS_OF_KEYS
from lab.rehearsals.keys import rotate_keys
from lab.rehearsals.lines.scenario import LANGUAGE, real_lines
from lab.rehearsals.pairings.commands import rehearse_pairings
from lab.rehearsals.platform import Platform, PlatformShape, running_platform
from lab.rehearsals.report import ReportRow, page, replace_section, table
from lab.rehearsals.scenarios import full_load, greeting, lost_node, outages
from lab.rehearsals.small_disk import small_disk
from lab.rehearsals.tools.commands import HEAD as TOOLS_HEAD
from lab.rehearsals.tools.commands import SHAPE as TOOLS
from lab.rehearsals.tools.commands import TITLE as TOOLS_TITLE
from lab.rehearsals.tools.commands import tools
from lab.rehearsals.transfers.commands import SHAPE as TRANSFERS
from lab.rehearsals.transfers.commands import transfers
from lab.rehearsals.upgrade import read_node_rules, rolling_upgrade
from lab.rehearsals.worst_bodies import SHAPE as WORST_BODIES
from lab.rehearsals.worst_bodies import worst_bodies_beside_calls
from simulator.carrier.prepared_turn import PreparedTurn

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "evidence" / "stack.md"


@dataclass(frozen=True, slots=True)
class Scenario:
    """turns: of each caller. run: plays it and returns the rows of the report."""

    title: str
    shape: PlatformShape
    turns: int
    run: Callable[[Platform, Sequence[PreparedTurn]], Awaitable[list[ReportRow]]]


SCENARIOS: Final = {
    "greeting": Scenario("Webhook to greeting", PlatformShape(nodes=1), 0, greeting),
    "house": Scenario("200 calls at once", PlatformShape(nodes=1), 8, full_load),
    "lines": Scenario(
        "Carriers and phones as they behave", PlatformShape(nodes=2, language=LANGUAGE, call_rate=5.0), 3, real_lines
    ),
    "outages": Scenario("Redis, PostgreSQL and the worker away", PlatformShape(nodes=1, recorded=True), 15, outages),
    "node": Scenario("A media node killed", PlatformShape(nodes=2, recorded=True), 8, lost_node),
}


def main(names: Sequence[str]) -> int:
    """Exit code: 0 when all demands were met, 1 when one was not, 2 for an unknown scenario."""
    if len(names) == 2 and names[0] == "upgrade":
        return _upgrade(Path(names[1]).resolve())
    if names and names[0] == "--redis-cluster":
        return _redis_cluster(names[1:])
    if list(names) == ["dead-provider"]:
        return _dead_provider()
    if list(names) == ["pairings"]:
        return rehearse_pairings(ROOT)
    if names and names[0] == "chaos":
        return rehearse_chaos(ROOT, _folder(), names[1:])
    if len(names) == 1 and names[0] in _PROOFS:
        return _PROOFS[names[0]]()
    if names and names[0] in _SECTIONS:
        return _write_section(names[0], names[1:])
    if names and names[0] in _FAILOVERS:
        return _failover(names[0], names[1:])
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        print(f"no scenario named {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    results: dict[str, list[ReportRow]] = {}
    for name in names or SCENARIOS:
        scenario = SCENARIOS[name]
        print(f"\n{scenario.title}", flush=True)
        begun = time.monotonic()
        results[scenario.title] = uvloop.run(_run(scenario, _folder()))
        print(table(results[scenario.title]))
        print(f"({time.monotonic() - begun:.0f} s)", flush=True)
    if len(results) == len(SCENARIOS):
        PAGE.write_text(page(results))
    return 0 if all(row.good is not False for rows in results.values() for row in rows) else 1


def _upgrade(old: Path) -> int:
    if not (old / "control" / "__main__.py").exists():
        print(f"{old} is no checkout of the platform", file=sys.stderr)
        return 2
    try:
        python = find_python(old)
    except SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    shape = PlatformShape(nodes=2, recorded=True, balanced=True, drain_s=300, node_rules=read_node_rules(old))
    scenario = Scenario("Rolling upgrade", shape, 22, partial(rolling_upgrade, root=ROOT))
    rows = uvloop.run(_run(scenario, _folder(), old, python))
    print(table(rows))
    return 0 if all(row.good is not False for row in rows) else 1


def _redis_cluster(names: Sequence[str]) -> int:
    name = names[0] if names else _ON_CLUSTER[0]
    if len(names) > 1 or name not in _ON_CLUSTER:
        print(f"--redis-cluster takes one of {', '.join(_ON_CLUSTER)}", file=sys.stderr)
        return 2
    scenario = SCENARIOS[name]
    scenario = replace(scenario, shape=replace(scenario.shape, redis_cluster=True))
    return _print_verdict(f"{name} on a Redis Cluster", uvloop.run(_run(scenario, _folder())))


def _dead_provider() -> int:
    folder = _folder()
    good = uvloop.run(compare_boards(folder))
    print_flapping()
    scenario = Scenario("A dead first model", PlatformShape(nodes=2, dead_model=True), TURNS, dead_model_calls)
    print(f"\n{scenario.title}, two media processes of the whole platform", flush=True)
    rows = uvloop.run(_run(scenario, folder))
    print(table(rows))
    return 0 if good and all(row.good is not False for row in rows) else 1


def _worst_bodies() -> int:
    scenario = Scenario("Worst bodies beside calls", WORST_BODIES, 0, worst_bodies_beside_calls)
    return _print_verdict("worst-bodies", uvloop.run(_run(scenario, _folder())))


def _transfers() -> int:
    scenario = Scenario("Warm transfers", TRANSFERS, 1, transfers)
    return _print_verdict("transfers", uvloop.run(_run(scenario, _folder())))


def _write_section(name: str, arguments: Sequence[str]) -> int:
    """Runs a scenario whose report is a section of a page, if one is named."""
    try:
        page_path = read_page(arguments)
    except ValueError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    scenario, head = _SECTIONS[name]
    rows = uvloop.run(_run(scenario, _folder()))
    if page_path is not None:
        replace_section(page_path, scenario.title, f"{head}\n\n{table(rows)}")
    return _print_verdict(name, rows)


def _full_disk() -> int:
    folder = _folder()
    state = folder / "state"
    state.mkdir()
    with small_disk(state) as disk:
        scenario = Scenario("A full disk", FULL_DISK, TURNS_ON_FULL_DISK, partial(full_disk, disk=disk))
        rows = uvloop.run(_run(scenario, folder, state=state))
    return _print_verdict("full-disk", rows)


def _print_verdict(name: str, rows: Sequence[ReportRow]) -> int:
    good = all(row.good is not False for row in rows)
    print(table(rows))
    print(f"{'PASS' if good else 'FAIL'} {name}")
    return 0 if good else 1


# Those that stop no Redis.
_ON_CLUSTER: Final = ("greeting", "house", "node")
_PROOFS: Final = {"worst-bodies": _worst_bodies, "full-disk": _full_disk, "transfers": _transfers}
# Scenarios whose reports are sections of pages, with what stands above the table.
_SECTIONS: Final = {
    "tools": (Scenario(TOOLS_TITLE, TOOLS, 1, tools), TOOLS_HEAD),
    "campaign": (Scenario(CAMPAIGN_TITLE, CAMPAIGN, 1, campaign), CAMPAIGN_HEAD),
    "keys": (Scenario(KEYS_TITLE, KEYS, TURNS_OF_KEYS, partial(rotate_keys, root=ROOT)), KEYS_HEAD),
}
_FAILOVERS: Final = {"failover": rehearse_failover, "outage": rehearse_outage}


def _failover(name: str, arguments: Sequence[str]) -> int:
    try:
        page_path = read_page(arguments)
    except ValueError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return _FAILOVERS[name](ROOT, page_path)


def _folder() -> Path:
    """A new folder with a short path that the database's user may enter."""
    folder = Path(mkdtemp(prefix="vocalized-rehearsal-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


async def _run(
    scenario: Scenario,
    folder: Path,
    root: Path = ROOT,
    python: Path = Path(sys.executable),
    *,
    state: Path | None = None,
) -> list[ReportRow]:
    """root, python: the checkout whose programs run, and the interpreter of its environment. state: as in
    running_platform."""
    words = await caller_turns(ROOT, scenario.turns) if scenario.turns else ()
    print(f"  logs and state: {folder}", flush=True)
    async with running_platform(root, folder, scenario.shape, python, state=state) as platform:
        return await scenario.run(platform, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
