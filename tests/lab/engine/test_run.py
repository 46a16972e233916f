"""The command line that runs scenarios."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from lab.engine import run
from lab.engine.scenario import CannotRun, Scenario, Stage
from lab.verdict import Report, Verdict


def add_scenario(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> None:
    monkeypatch.setattr(run, "find_modules", lambda: {"fake": "lab.scenarios.fake"})
    monkeypatch.setattr(run, "load", lambda name: scenario)


def add_found(monkeypatch: pytest.MonkeyPatch, *verdicts: Verdict) -> None:
    async def play(stage: Stage) -> list[Verdict]:
        return list(verdicts)

    add_scenario(monkeypatch, Scenario(title="A fake", intro="Why.", run=play))


MET = Verdict("calls", "0", "0 of 3", True)
FIGURE = Verdict("seconds", "", "3.1", None)


def test_each_file_is_a_scenario_with_a_title_of_its_own() -> None:
    scenarios = [run.load(name) for name in run.find_modules()]
    assert {"chaos", "dead-provider", "greeting", "tools", "worst-bodies"} <= run.find_modules().keys()
    assert len({scenario.title for scenario in scenarios}) == len(scenarios)


def test_verdicts_are_printed_and_written_as_a_section(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_found(monkeypatch, MET, FIGURE)
    page = tmp_path / "page.md"
    assert run.main(["fake", "--write", str(page)]) == 0
    table = "| calls | 0 | 0 of 3 | PASS |\n| seconds |  | 3.1 |  |"
    printed = capsys.readouterr().out
    assert table in printed and "PASS fake" in printed
    text = page.read_text()
    assert text.startswith("## A fake\n\nWhy.\n\n| what |") and table in text


def test_missed_demand_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    add_found(monkeypatch, MET, Verdict("events lost", "0", "2", False))
    assert run.main(["fake"]) == 1
    printed = capsys.readouterr().out
    assert "| events lost | 0 | 2 | MISS |" in printed and "FAIL fake" in printed


def test_details_are_printed_and_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def play(stage: Stage) -> Report:
        return Report("body", True, ["call 7 was late"])

    add_scenario(monkeypatch, Scenario(title="A fake", run=play))
    page = tmp_path / "page.md"
    assert run.main(["fake", "--write", str(page)]) == 0
    assert "call 7 was late" in capsys.readouterr().out
    assert "call 7" not in page.read_text()


def test_options_of_a_scenario_reach_it_on_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    stages: list[Stage] = []

    async def play(stage: Stage) -> list[Verdict]:
        stages.append(stage)
        return []

    def add_options(parser: ArgumentParser) -> None:
        parser.add_argument("--calls", type=int, default=3)

    add_scenario(monkeypatch, Scenario(title="A fake", run=play, add_options=add_options))
    assert run.main(["fake", "--calls", "7"]) == 0
    assert stages[0].options.calls == 7
    assert stages[0].folder.is_dir() and (stages[0].root / "lab" / "engine").is_dir()
    with pytest.raises(AssertionError, match="without a shape"):
        _ = stages[0].platform


def test_scenario_that_cannot_run_ends_with_2_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def play(stage: Stage) -> list[Verdict]:
        raise CannotRun("no checkout")

    add_scenario(monkeypatch, Scenario(title="A fake", run=play))
    assert run.main(["fake"]) == 2
    assert capsys.readouterr().err == "fake: no checkout\n"


@pytest.mark.parametrize("arguments", [["nothing"], ["--write", "page.md"]])
def test_unknown_name_lists_the_scenarios_and_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments) == 2
    captured = capsys.readouterr()
    assert f"no scenario named {arguments[0]}" in captured.err and "greeting" in captured.out


@pytest.mark.parametrize("arguments", [["greeting", "nothing"], ["greeting", "--wrote", "page"], ["upgrade"]])
def test_wrong_arguments_are_refused_before_anything_starts(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run.main(arguments)
    assert stopped.value.code == 2


@pytest.mark.parametrize("name", ["outages", "chaos"])
def test_scenario_that_stops_redis_does_not_run_on_a_cluster(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run.main([name, "--redis-cluster"])
    assert stopped.value.code == 2
    assert f"{name} does not run on a Redis Cluster" in capsys.readouterr().err


def test_folder_without_a_checkout_cannot_be_upgraded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["upgrade", str(tmp_path)]) == 2
    assert "is no checkout of the platform" in capsys.readouterr().err
