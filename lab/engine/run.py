"""The command line `python -m lab NAME… [--write PAGE]`: runs scenarios one after the other."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from lab.engine.page import write_section
from lab.engine.scenario import CannotRun, Scenario, Stage
from lab.stage.callers import caller_turns
from lab.stage.platform import running_platform
from lab.verdict import Report, make_report

ROOT: Final = Path(__file__).parents[2]
SCENARIOS: Final = ROOT / "lab" / "scenarios"


def find_modules() -> dict[str, str]:
    """Return the module of each scenario by the scenario's name: `NAME.py` or `NAME/scenario.py`, with dashes."""
    files = {path.stem: f"lab.scenarios.{path.stem}" for path in SCENARIOS.glob("[a-z]*.py")}
    folders = {
        path.parent.name: f"lab.scenarios.{path.parent.name}.scenario" for path in SCENARIOS.glob("*/scenario.py")
    }
    return {name.replace("_", "-"): module for name, module in sorted((files | folders).items())}


def load(name: str) -> Scenario:
    """Return the scenario with this name."""
    scenario: Scenario = import_module(find_modules()[name]).SCENARIO
    return scenario


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 if all demands were met, 1 if one was missed, 2 if nothing could be run."""
    names = list(takewhile(find_modules().__contains__, arguments))
    if not names:
        return _list_scenarios(arguments)
    scenarios = {name: load(name) for name in names}
    options = _parse(scenarios, arguments[len(names) :])
    try:
        return max([_run(name, scenario, options) for name, scenario in scenarios.items()])
    except CannotRun as error:
        print(f"{' '.join(names)}: {error}", file=sys.stderr)
        return 2


def _list_scenarios(arguments: Sequence[str]) -> int:
    """Print the scenarios; the exit code is 2 if an unknown scenario was named."""
    print("python -m lab NAME… [--write PAGE] [--redis-cluster]; NAME --help lists the options of a scenario\n")
    for name in find_modules():
        print(f"  {name:<15} {load(name).title}")
    unknown = [one for one in arguments[:1] if one not in ("-h", "--help")]
    if unknown:
        print(f"no scenario named {unknown[0]}", file=sys.stderr)
    return 2 if unknown else 0


def _parse(scenarios: dict[str, Scenario], arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog=f"python -m lab {' '.join(scenarios)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="writes a section of this page for each scenario")
    parser.add_argument("--redis-cluster", action="store_true", help="three Valkeys as a cluster in Redis's place")
    for scenario in scenarios.values():
        scenario.add_options(parser)
    options = parser.parse_args(arguments)
    for name, scenario in scenarios.items():
        if options.redis_cluster and (scenario.shape is None or scenario.stops_redis):
            parser.error(f"{name} does not run on a Redis Cluster")
    return options


def _run(name: str, scenario: Scenario, options: Namespace) -> int:
    """Run a scenario, print its report, and write its section."""
    begun, folder = time.monotonic(), _make_folder()
    print(f"\n{scenario.title}\n  logs and state: {folder}", flush=True)
    report = uvloop.run(_play(scenario, Stage(ROOT, folder, options)))
    print(report.body, *report.details, sep="\n")
    print(f"{'PASS' if report.good else 'FAIL'} {name} ({time.monotonic() - begun:.0f} s)", flush=True)
    if options.write is not None:
        write_section(options.write, scenario.title, f"{scenario.intro}\n\n{report.body}")
    return 0 if report.good else 1


async def _play(scenario: Scenario, stage: Stage) -> Report:
    if scenario.turns:
        stage = replace(stage, words=await caller_turns(stage.root, scenario.turns))
    if scenario.shape is None:
        found = await scenario.run(stage)
    else:
        shape = replace(scenario.shape, redis_cluster=stage.options.redis_cluster)
        async with running_platform(stage.root, stage.folder, shape) as platform:
            found = await scenario.run(replace(stage, running=platform))
    return found if isinstance(found, Report) else make_report(found)


def _make_folder() -> Path:
    """Make a folder with a short path that the database's user may enter."""
    folder = Path(mkdtemp(prefix="vocalized-lab-", dir="/tmp"))
    folder.chmod(0o711)
    return folder
