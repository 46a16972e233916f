"""A state folder for embedded services."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from vocalized.services.account import unsettle
from vocalized.services.folders import held


@contextmanager
def temporary_state() -> Iterator[Path]:
    """A short path that `nobody` can walk, which pytest's own temporary folders are not.

    It is removed when the last server on it has ended, killed ones and orphans too.
    """
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    with held(folder / "postgres.lock"), held(folder / "valkey.lock"):
        for name in ("postgres", "postgres.new", "run"):
            unsettle(folder / name)
    shutil.rmtree(folder)


@pytest.fixture
def state() -> Iterator[Path]:
    """One for a single test."""
    with temporary_state() as folder:
        yield folder
