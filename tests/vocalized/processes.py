"""Waits for processes that are not children of the test, by pidfd."""

import os
import select
import sys
from pathlib import Path

import pytest

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="uses the kernel's process descriptors")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def wait_ended(pid: int) -> bool:
    """Waits up to 30 s for a process to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def family(pid: int) -> set[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {pid, *map(int, children)}
