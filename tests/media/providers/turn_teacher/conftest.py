"""A place for the teacher's socket."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """Short: a socket's path has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="teacher-") as folder:
        yield Path(folder) / "teacher.sock"
