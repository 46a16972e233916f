"""The page and the picture of a run."""

from pathlib import Path

import msgspec

from benchmarks.report import markdown, verdicts, write
from benchmarks.run import BenchmarkRun, Machine, ServerRecord
from tests.benchmarks.test_verdict import load

MACHINE = Machine("Some processor", 2, "Linux 6", "3.11.7", "2026-11-24")


def campaign() -> BenchmarkRun:
    records = [
        ServerRecord("ours", "Vocalized media", [load()], 400, barge=load(100)),
        ServerRecord("lean", "lean pipecat", [load(10), load(20, underruns=3)], 10),
        ServerRecord("stock", "stock pipecat", [load(4, latencies=[3600.0])], 4, finished=load(4)),
    ]
    return BenchmarkRun(MACHINE, records, (340, 2120), 8.0)


def test_the_table_sets_the_servers_side_by_side() -> None:
    page = markdown(campaign())
    assert (
        "| CPU per call-second | 1.50 ms (4 calls) | 1.50 ms (10 calls) | 1.50 ms (400 calls) | ≤ 2 ms | PASS |" in page
    )
    assert "| ≥ 4 | 10 (not 20) | ≥ 400 | ≥ 400 | PASS |" in page
    assert "| 2820 ms (4 calls) | 50.00 ms (10 calls) |" in page


def test_every_load_is_told_with_what_went_wrong() -> None:
    row = next(line for line in markdown(campaign()).splitlines() if line.startswith("| lean pipecat | 20 |"))
    assert row.split(" | ")[13:] == ["3", "0", "2.0", "30%", "no |"]


def test_the_method_tells_the_figures_that_were_used() -> None:
    page = markdown(campaign())
    assert "340 to 2120 ms" in page
    assert "$" not in page


def test_servers_that_were_not_run_leave_their_column_empty() -> None:
    only = msgspec.structs.replace(campaign(), records=campaign().records[1:2])
    assert "| CPU per call-second | - | 1.50 ms (10 calls) | - | ≤ 2 ms | not run |" in markdown(only)
    assert {outcome for _, outcome in verdicts(only)} == {"not run"}


def test_page_and_picture_are_written(tmp_path: Path) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(campaign()), type=BenchmarkRun)
    assert kept == campaign()
    page = write(kept, tmp_path / "docs")
    assert page.read_text() == markdown(campaign())
    assert (tmp_path / "docs" / "performance.png").read_bytes().startswith(b"\x89PNG")
