"""The command line: help, flags and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vocalized.commands import call as call_module
from vocalized.commands.call import CallOptions
from vocalized.commands.cli import ROOT, app

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


COMMANDS = (
    "call",
    "answer",
    "agent",
    "demo",
    "doctor",
    "up",
    "providers",
    "prices",
    "explain",
    "client",
    "mcp",
    "test",
    "completion",
)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_each_command_has_a_help_text(command: list[str]) -> None:
    outcome = runner.invoke(app, [*command, "--help"])
    assert outcome.exit_code == 0
    assert len(outcome.output.splitlines()) > 5


def test_the_help_names_all_commands() -> None:
    output = runner.invoke(app, ["--help"]).output
    assert all(command in output for command in (*COMMANDS, "bench", "rehearse"))


def test_flags_become_turns_in_the_order_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    options_seen: list[CallOptions] = []

    async def run_call(options: CallOptions, printer: object) -> int:
        options_seen.append(options)
        return 7

    monkeypatch.setattr(call_module, "run_call", run_call)
    command_line = "call --media ws://h/m --say one --audio a.wav --say two --record o.wav --json --timeout 9"
    assert runner.invoke(app, command_line.split()).exit_code == 7
    turns = [("say", "one"), ("audio", "a.wav"), ("say", "two")]
    assert options_seen == [
        CallOptions(
            media="ws://h/m",
            turns=turns,
            mic=False,
            record=Path("o.wav"),
            as_json=True,
            limit_s=9.0,
            to="",
            state=ROOT / "var" / "up",
        )
    ]


def test_call_is_answered_on_the_platform_of_a_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    options_seen: list[CallOptions] = []

    async def run_call(options: CallOptions, printer: object) -> int:
        options_seen.append(options)
        return 0

    monkeypatch.setattr(call_module, "run_call", run_call)
    command_line = "answer +16465550123 --audio a.wav --say one --wait 5 --state other"
    assert runner.invoke(app, command_line.split()).exit_code == 0
    turns = [("audio", "a.wav"), ("say", "one")]
    assert options_seen == [CallOptions(turns=turns, answer="+16465550123", wait_s=5.0, state=Path("other"))]


def test_number_is_called_on_the_platform_of_a_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    options_seen: list[CallOptions] = []

    async def run_call(options: CallOptions, printer: object) -> int:
        options_seen.append(options)
        return 0

    monkeypatch.setattr(call_module, "run_call", run_call)
    assert runner.invoke(app, ["call", "--to", "+14155550123", "--say", "one", "--state", "other"]).exit_code == 0
    assert [(options.to, options.media, options.state) for options in options_seen] == [
        ("+14155550123", "", Path("other"))
    ]


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        ("call", "--to"),
        ("call --to +14155550123 --media ws://h/m --say x", "--to"),
        ("call --to 555-0100 --say x", "--to"),
        ("call --media nonsense --say x", "--media"),
        ("call --media ws://h/m", "--mic"),
        ("call --media ws://h/m --audio /nowhere.wav", "--audio"),
        ("call --media ws://h/m --say x --timeout 0", "--timeout"),
        ("up --media-nodes 0", "--media-nodes"),
        ("dance", "dance"),
    ],
)
def test_a_bad_command_line_names_the_flag_and_exits_with_2(command_line: str, message: str) -> None:
    outcome = runner.invoke(app, command_line.split())
    assert outcome.exit_code == 2
    assert message in outcome.output
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize(("command", "module"), [("bench", "lab.benchmarks"), ("rehearse", "lab")])
def test_commands_of_the_lab_receive_all_arguments(monkeypatch: pytest.MonkeyPatch, command: str, module: str) -> None:
    options_seen: list[tuple[list[str], Path]] = []

    def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
        options_seen.append((command, cwd))
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    assert runner.invoke(app, [command, "--calls", "5", "--help"]).exit_code == 3
    assert options_seen == [([sys.executable, "-m", module, "--calls", "5", "--help"], ROOT)]


def test_missing_packages_are_explained() -> None:
    script = "import sys, runpy; sys.modules['typer'] = None; runpy.run_module('vocalized', run_name='__main__')"
    outcome = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("vocalized: the package `typer")
    assert "make setup" in outcome.stderr
