"""How evenly media nodes are chosen, in a simulation, and what the choice costs Redis."""

from argparse import ArgumentParser
from dataclasses import replace
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.node_placement.placement import Fleet, simulate
from lab.scenarios.node_placement.registry_cost import measure_registry
from lab.verdict import Report

_SAMPLES: Final = {"1 (by chance)": 1, "2": 2, "16 (as it is)": 16, "all": None}


async def _run(stage: Stage) -> Report:
    nodes, seconds = stage.options.nodes, stage.options.seconds
    lines = ["| nodes | operation | CPU of Valkey, µs | wait, ms (median) |", "| --- | --- | --- | --- |"]
    for number in sorted({64, 1_000, nodes}):
        for cost in await measure_registry(stage.folder / f"{number}", number):
            lines.append(f"| {number:,} | {cost.operation} | {cost.server_us:.0f} | {cost.wait_ms:.2f} |")
    return Report("\n".join([*lines, "", *_simulate(nodes, seconds)]), good=True)


def _simulate(nodes: int, seconds: float) -> list[str]:
    lines = [
        "| fleet | drawn | calls | refused | deviation | fullest node | most in a second |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    usual = Fleet(nodes, 64, 0.7)
    fleets = {
        "70 % full": usual,
        "70 % full, reports every 3 s": replace(usual, beat_s=3.0),
        "70 % full, 1 % of the nodes just started": replace(usual, restarted=nodes // 100),
        "97 % full": replace(usual, load=0.97),
    }
    for title, fleet in fleets.items():
        for name, sample in _SAMPLES.items():
            found = simulate(fleet, sample, seconds)
            figures = f"{found.chosen:,} | {found.refused:,} | {found.deviation:.1f} | {found.most} | {found.burst}"
            lines.append(f"| {title} | {name} | {figures} |")
    return lines


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=10_000, help="media nodes (10,000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="simulated time (20)")


SCENARIO: Final = Scenario(title="The choice of media nodes", add_options=_add_options, run=_run)
