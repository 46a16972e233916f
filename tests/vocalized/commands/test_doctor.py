"""The doctor's checks and their report."""

import shutil
import socket
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from shared.doctor import DoctorFinding
from vocalized.caller import local_speech
from vocalized.commands.cli import ROOT
from vocalized.commands.doctor import examine, report
from vocalized.doctor.machine import requirements


def findings(root: Path = ROOT) -> dict[str, DoctorFinding]:
    return {finding.what: finding for finding in examine(root)}


def test_all_checks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_speech, "faulty_models", lambda: [])
    found = findings()
    assert list(found) == [
        "interpreter", "packages", "plan", "sample recording", "model files", "ports", "disk", "servers", "memory",
        "state folder", "Twilio", "Telnyx", "ports of up", "microphone",
    ]  # fmt: skip
    assert found["interpreter"].ok and found["ports"].ok and found["sample recording"].ok
    assert not found["microphone"].needed


def test_damaged_model_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_speech, "faulty_models", lambda: ["voice.onnx: its hash differs"])
    found = findings()["model files"]
    assert (found.ok, found.detail) == (False, "voice.onnx: its hash differs")
    assert "make setup" in found.remedy


def test_too_old_interpreter_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1, "final", 0))
    found = findings()["interpreter"]
    assert not found.ok
    assert "3.11 to 3.13" in found.remedy


@pytest.mark.parametrize(("names", "ok"), [(["pytest>=1"], True), (["pytest>=1", "no-such-package ==1.0"], False)])
def test_missing_package_is_named(names: list[str], ok: bool, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[dependency-groups]\nlocal = {names}\n")
    found = findings(tmp_path)["packages"]
    assert found.ok is ok
    assert ("not installed: no-such-package" in found.detail) is not ok


def test_incomplete_checkout_is_reported(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert not found["packages"].ok and not found["plan"].ok and not found["sample recording"].ok


def test_full_disk_and_closed_network_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    monkeypatch.setattr(socket, "create_server", refuse)
    found = findings()
    assert (found["disk"].ok, found["disk"].detail[:9]) == (False, "5 MB free")
    assert (found["ports"].ok, "Permission denied" in found["ports"].detail) == (False, True)


def test_dependency_groups_and_markers_are_resolved() -> None:
    groups: dict[str, list[Any]] = {
        "media": ["aiohttp>=3,<4", "old; python_version < '3.0'", "new[extra]==1; python_version >= '3.8'", "plain"],
        "local": [{"include-group": "media"}, "soxr ~= 1.0"],
    }
    assert list(requirements(groups, "local")) == ["aiohttp", "new", "plain", "soxr"]


@pytest.mark.parametrize(
    ("finding", "code", "words"),
    [
        (DoctorFinding("disk", True, "9 MB free", "buy one"), 0, ["ok", "everything that is needed is there"]),
        (DoctorFinding("disk", False, "9 MB free", "buy one"), 1, ["missing", "buy one", "missing: disk"]),
        (
            DoctorFinding("microphone", False, "none", "only for --mic", False),
            0,
            ["absent", "only for --mic", "everything"],
        ),
    ],
)
def test_only_needed_findings_fail_the_doctor(finding: DoctorFinding, code: int, words: list[str]) -> None:
    out = StringIO()
    assert report([finding], Console(file=out, width=200)) == code
    assert all(word in out.getvalue() for word in words)
    assert ("buy one" in out.getvalue()) is (code == 1)
