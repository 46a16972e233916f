"""A program puts its objects in huge pages where the machine has some, once, and as the same process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.huge_pages import TUNABLES, huge_page_environment

HUGE = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": TUNABLES}
DEBIAN_12 = (2, 36)
PROGRAM = """
import os, sys
sys.path.insert(0, ".")
from pathlib import Path
from shared.huge_pages import use_huge_pages
print("started", os.getpid(), flush=True)
use_huge_pages(Path(sys.argv[1]))
print(os.environ.get("PYTHONMALLOC"), os.environ.get("GLIBC_TUNABLES"), sys.argv[2:], sys.flags.dev_mode)
"""
glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a feature of Linux")


def test_both_variables_are_added() -> None:
    assert huge_page_environment({"HOME": "/"}, offered=True, glibc=DEBIAN_12) == HUGE


@pytest.mark.parametrize("name", ["PYTHONMALLOC", "GLIBC_TUNABLES"])
def test_an_environment_that_says_how_to_allocate_is_left_alone(name: str) -> None:
    assert huge_page_environment({name: ""}, offered=True, glibc=DEBIAN_12) == {}


@pytest.mark.parametrize(
    ("offered", "version"),
    [
        pytest.param(False, DEBIAN_12, id="a kernel without huge pages"),
        pytest.param(True, (2, 34), id="an older glibc"),
        pytest.param(True, None, id="another C library"),
    ],
)
def test_nothing_is_added_where_it_would_only_cost(offered: bool, version: tuple[int, ...] | None) -> None:
    assert huge_page_environment({}, offered=offered, glibc=version) == {}


@glibc
@pytest.mark.parametrize("kernel", ["always [madvise] never", "[always] madvise never"])
def test_program_restarts_once_in_the_same_process(kernel: str, tmp_path: Path) -> None:
    lines = run_program(kernel, tmp_path)
    assert lines == [lines[0], lines[0], f"malloc {TUNABLES} ['a b', '--c'] True"]


@glibc
@pytest.mark.parametrize("kernel", ["always madvise [never]", None])
def test_it_goes_on_where_there_are_none(kernel: str | None, tmp_path: Path) -> None:
    assert run_program(kernel, tmp_path)[1:] == ["None None ['a b', '--c'] True"]


@glibc
def test_it_goes_on_when_the_interpreter_is_gone(tmp_path: Path) -> None:
    gone = PROGRAM.replace("print(", "sys.executable = '/nowhere/python'\nprint(", 1)
    assert run_program("always [madvise] never", tmp_path, gone)[1:] == ["None None ['a b', '--c'] True"]


def run_program(kernel: str | None, folder: Path, program: str = PROGRAM) -> list[str]:
    """Its lines. kernel: what the kernel's file says; None: it has no such file."""
    enabled = folder / "enabled"
    if kernel is not None:
        enabled.write_text(kernel)
    environment = {name: value for name, value in os.environ.items() if name not in HUGE}
    command = [sys.executable, "-X", "dev", "-c", program, str(enabled), "a b", "--c"]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, env=environment)
    return done.stdout.splitlines()
