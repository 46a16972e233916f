"""`python -m lab.capacity placement [--nodes N]` simulates the choice of media nodes and measures what it costs
Redis; `python -m lab.capacity records [--calls N]` measures rows, bytes, events and CPU a call."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

from lab.capacity.placement import Fleet, simulate
from lab.capacity.records import measure_calls, report_lines
from lab.capacity.registry_cost import measure_registry

ROOT: Final = Path(__file__).parents[2]
# Calls a month, for which growth is told.
MONTHS: Final = (1_000_000, 10_000_000, 100_000_000)
_SAMPLES: Final = {"1 (by chance)": 1, "2": 2, "16 (as it is)": 16, "all": None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints tables; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.capacity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    placement = commands.add_parser("placement", help="media nodes")
    placement.add_argument("--nodes", type=int, default=10_000)
    placement.add_argument("--seconds", type=float, default=20.0, help="of simulated time")
    records = commands.add_parser("records", help="what a call leaves and takes")
    records.add_argument("--calls", type=int, default=100)
    records.add_argument("--per-second", type=float, default=5.0, help="calls that begin")
    options = parser.parse_args(arguments)
    if options.command == "records":
        return _print_records(options.calls, options.per_second)
    _print_placement(options.nodes, options.seconds)
    return 0


def _print_records(calls: int, per_s: float) -> int:
    folder = Path(mkdtemp(prefix="vocalized-capacity-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        found = asyncio.run(measure_calls(ROOT, folder, calls, per_s))
    finally:
        rmtree(folder, ignore_errors=True)
    print("\n".join(report_lines(found, MONTHS)))
    return 0 if found.good else 1


def _print_placement(nodes: int, seconds: float) -> None:
    print("| nodes | operation | CPU of Valkey, µs | wait, ms (median) |\n| --- | --- | --- | --- |")
    for number in sorted({64, 1_000, nodes}):
        with TemporaryDirectory(prefix="vocalized-", dir="/tmp") as folder:
            for cost in asyncio.run(measure_registry(Path(folder), number)):
                print(f"| {number:,} | {cost.operation} | {cost.server_us:.0f} | {cost.wait_ms:.2f} |", flush=True)
    print("\n| fleet | drawn | calls | refused | deviation | fullest node | most in a second |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
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
            print(
                f"| {title} | {name} | {found.chosen:,} | {found.refused:,} | {found.deviation:.1f} | {found.most} "
                f"| {found.burst} |",
                flush=True,
            )


if __name__ == "__main__":
    raise SystemExit(main())
