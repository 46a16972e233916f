"""The generic top-level package names resolve to this repository, whatever else is installed."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("media", "control", "shared", "vendors", "config", "simulator", "vocalized", "lab", "tests")


@pytest.mark.parametrize("name", OURS)
def test_top_level_names_are_ours(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None, (
        f"{name} has no __init__.py: an installed package of that name would be imported"
    )
    assert Path(module.__file__).is_relative_to(ROOT)


def test_every_python_that_is_allowed_is_one_that_is_tested() -> None:
    """`tools/pythons.sh` reads the classifiers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first, after_last = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    named = [name.rpartition(" :: ")[2] for name in project["classifiers"] if " :: Python :: " in name]
    assert named == [f"3.{minor}" for minor in range(first, after_last)]


def test_no_installed_package_claims_a_program() -> None:
    assert not set(OURS) & set(packages_distributions())


def test_locks_record_no_download_host() -> None:
    locks = list((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        assert "://" not in lock.read_text(), f"{lock.name} names a host"


def test_setup_deletes_no_folder_that_is_no_virtual_environment(tmp_path: Path) -> None:
    """It starts anew where venv fails, as it does with Debian's Python."""
    python, folder = tmp_path / "python", tmp_path / "folder"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] && exit 1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    folder.mkdir()
    (folder / "precious").touch()
    environment = {**os.environ, "VENV": str(folder), "PYTHON": str(python)}
    done = subprocess.run(
        [ROOT / "tools" / "setup.sh"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1 and (folder / "precious").exists()
    assert "VENV" in done.stderr and str(folder) in done.stderr
