"""The section on vendors, and its place in the page."""

from pathlib import Path

import msgspec
import pytest

from lab.benchmarks.report import write as write_page
from lab.benchmarks.results import LoadResult, ServerCost
from lab.benchmarks.vendors.report import section, verdicts, write
from lab.benchmarks.vendors.run import VendorLoad, VendorRecord, VendorRun
from tests.lab.benchmarks.test_report import MACHINE, benchmark_run
from tests.lab.benchmarks.test_verdict import load
from tests.lab.benchmarks.vendors.test_run import measured

COST = ServerCost(3.5, 0.7, 0.01, 0.0, 100.0, 140.0, 0.2)
BEGINNING = {"first_words": [85.0, 90.0], "first_answers": [700.0], "second_answers": [690.0]}


def good(**changes: object) -> LoadResult:
    return msgspec.structs.replace(load(200, server=COST, **BEGINNING), **changes)


def vendor_run(ours: VendorLoad, held: int | None = 200) -> VendorRun:
    lean = VendorRecord("lean", "lean pipecat", [measured(load(5)), measured(load(10, unanswered=1))], 5)
    return VendorRun(MACHINE, [VendorRecord("ours", "Vocalized media", [ours], held), lean])


def test_all_targets_are_met() -> None:
    assert [outcome for _, outcome in verdicts(vendor_run(measured(good())))] == ["PASS"] * 4


@pytest.mark.parametrize(
    ("ours", "outcomes"),
    [
        (measured(good(latencies=[841.0])), ["PASS", "MISS", "PASS", "PASS"]),
        (measured(good(), missing=1), ["PASS", "PASS", "MISS", "PASS"]),
        (measured(good(first_words=[691.0])), ["PASS", "PASS", "PASS", "MISS"]),
        (measured(good(), vendors=0.7), ["VOID"] * 4),
    ],
)
def test_targets_that_are_missed(ours: VendorLoad, outcomes: list[str]) -> None:
    assert [outcome for _, outcome in verdicts(vendor_run(ours))] == outcomes


def test_nothing_is_met_by_a_load_that_was_not_held() -> None:
    assert {outcome for _, outcome in verdicts(vendor_run(measured(good()), held=None))} == {"MISS"}


def test_section_has_a_column_per_server_and_its_method() -> None:
    text = section(vendor_run(measured(good())))
    assert "| CPU per call-second | - | 1.50 ms (5 calls) | 3.50 ms (200 calls) | ≤ 4 ms | PASS |" in text
    assert "| calls on one core | - | 5 (not 10) | ≥ 200 |" in text
    assert "| Vocalized media | 2 of 200 | 85 | 90 | 90 | 700 | 700 | 690 | 690 |" in text
    assert "$" not in text


def test_a_void_load_is_none_that_a_server_did_not_hold() -> None:
    lean = VendorRecord("lean", "lean pipecat", [measured(load(5)), measured(load(10), vendors=0.9)], 5)
    stock = VendorRecord("stock", "stock pipecat", [measured(load(4), vendors=0.9)], None)
    text = section(VendorRun(MACHINE, [lean, stock]))
    assert "| calls on one core | 0 (4 VOID) | 5 (10 VOID) |" in text
    assert "| CPU per call-second | 1.50 ms (4 calls, VOID) | 1.50 ms (5 calls) |" in text


def test_each_command_keeps_the_other_part_of_the_page(tmp_path: Path) -> None:
    write_page(benchmark_run(), tmp_path)
    before = (tmp_path / "performance.md").read_text()
    for _ in range(2):
        page = write(vendor_run(measured(good())), tmp_path)
        assert page.read_text() == f"{before.rstrip()}\n\n{section(vendor_run(measured(good())))}\n"
    written = page.read_text()
    write_page(benchmark_run(), tmp_path)
    assert page.read_text() == written
