"""When a promise counts as broken, and how the page says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine.run import main
from lab.scenarios.chaos.faults import all_faults
from lab.scenarios.chaos.page import make_body
from lab.scenarios.chaos.promises import FaultResult, Promise
from lab.scenarios.chaos.scenario import choose_faults

ROOT = Path(__file__).parents[4]
KEPT = FaultResult(
    "Redis: cut", 10.0, Promise(), running=5, went_on=5, ending=1, ended=1, begun=2, answered=2, silence_s=2.0,
    recovered_s=10.0, events=90,
)  # fmt: skip


def test_what_is_within_its_promise_is_kept() -> None:
    assert KEPT.broken == []
    assert replace(KEPT, answered=0, promise=Promise(answers_new=False)).broken == []
    assert replace(KEPT, incomplete=3, promise=Promise(keeps_recordings=False)).broken == []


@pytest.mark.parametrize(
    ("broken", "result"),
    [
        ("calls", replace(KEPT, went_on=4)),
        ("ended calls", replace(KEPT, ended=0)),
        ("new calls", replace(KEPT, answered=1)),
        ("silence", replace(KEPT, silence_s=2.1)),
        ("events lost", replace(KEPT, lost=1)),
        ("events doubled", replace(KEPT, doubled=1)),
        ("records", replace(KEPT, unfinished=1)),
        ("recordings", replace(KEPT, incomplete=1)),
        ("recordings", replace(KEPT, unexplained=1, promise=Promise(keeps_recordings=False))),
        ("recovery", replace(KEPT, recovered_s=10.1)),
        ("recovery", replace(KEPT, recovered_s=None)),
        ("worker ended", replace(KEPT, notes=["worker ended"])),
    ],
)
def test_what_is_not_within_it_is_named(broken: str, result: FaultResult) -> None:
    assert result.broken == [broken]


def test_the_page_has_a_row_for_each_fault_and_names_what_was_not_played() -> None:
    page = make_body([KEPT, replace(KEPT, name="clock", went_on=4)], {"names": "root"}, "Idle.")
    assert (
        "| Redis: cut | 10 | 5 of 5 | 1 of 1 | 2 of 2 | 2.0 ≤ 2 s | 0, 0 of 90 | whole | 10.0 s ≤ 10 s | PASS |" in page
    )
    assert (
        "| clock | 10 | 4 of 5 | 1 of 1 | 2 of 2 | 2.0 ≤ 2 s | 0, 0 of 90 | whole | 10.0 s ≤ 10 s | MISS: calls |"
        in page
    )
    assert "- names: needs root" in page


def test_the_page_in_the_documents_has_all_faults() -> None:
    page = (ROOT / "docs" / "evidence" / "chaos.md").read_text()
    assert [fault.name for fault in all_faults() if f"| {fault.name} |" not in page] == []


def test_faults_have_names_of_their_own_and_are_chosen_by_a_text() -> None:
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names)
    played, left_out = choose_faults("PostgreSQL")
    assert [fault.name for fault in played] == [f"PostgreSQL: {state}" for state in ("frozen", "cut", "slow")]
    assert left_out == {}


@pytest.mark.parametrize("arguments", [["--only", "no such fault"], ["--calls", "0"], ["--calls", "501"]])
def test_what_cannot_be_played_is_refused_before_anything_starts(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chaos", *arguments]) == 2
    assert "chaos:" in capsys.readouterr().err
