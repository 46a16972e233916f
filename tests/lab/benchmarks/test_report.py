"""The report and the plot of a run."""

from pathlib import Path

import msgspec

from lab.benchmarks.report import markdown, verdicts, write
from lab.benchmarks.run import BenchmarkRun, Machine, ServerRecord
from tests.lab.benchmarks.test_verdict import load

MACHINE = Machine("Some processor", 2, "Linux 6", "3.11.7", "2026-11-24")


def benchmark_run() -> BenchmarkRun:
    records = [
        ServerRecord("ours", "Vocalized media", [load()], 400, barge=load(100)),
        ServerRecord("lean", "lean pipecat", [load(10), load(20, underruns=3)], 10),
        ServerRecord("stock", "stock pipecat", [load(4, latencies=[3600.0])], 4, finished=load(4)),
    ]
    return BenchmarkRun(MACHINE, records, (340, 2120), 8.0)


def test_table_has_a_column_per_server() -> None:
    page = markdown(benchmark_run())
    assert (
        "| CPU per call-second | 1.50 ms (4 calls) | 1.50 ms (10 calls) | 1.50 ms (400 calls) | ≤ 2 ms | PASS |" in page
    )
    assert "| ≥ 4 | 10 (not 20) | ≥ 400 | ≥ 400 | PASS |" in page
    assert "| 2820 ms (4 calls) | 50.00 ms (10 calls) |" in page


def test_every_load_is_listed_with_its_faults() -> None:
    row = next(line for line in markdown(benchmark_run()).splitlines() if line.startswith("| lean pipecat | 20 |"))
    assert row.split(" | ")[13:] == ["3", "0", "2.0", "30%", "no |"]


def test_method_lists_its_parameters() -> None:
    page = markdown(benchmark_run())
    assert "340 to 2120 ms" in page
    assert "$" not in page


def test_column_of_a_server_that_was_not_run_is_empty() -> None:
    only = msgspec.structs.replace(benchmark_run(), records=benchmark_run().records[1:2])
    assert "| CPU per call-second | - | 1.50 ms (10 calls) | - | ≤ 2 ms | not run |" in markdown(only)
    assert {outcome for _, outcome in verdicts(only)} == {"not run"}


def test_report_and_plot_are_written(tmp_path: Path) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(benchmark_run()), type=BenchmarkRun)
    assert kept == benchmark_run()
    page = write(kept, tmp_path / "docs")
    assert page.read_text() == markdown(benchmark_run())
    assert (tmp_path / "docs" / "performance.png").read_bytes().startswith(b"\x89PNG")
