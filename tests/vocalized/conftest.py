"""State folders for embedded services."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from vocalized.services.account import remove_folder
from vocalized.services.folders import locked


@contextmanager
def temporary_state() -> Iterator[Path]:
    """A short path that the user `nobody` can reach, unlike pytest's temporary folders.

    It is removed when the last server on it has ended, including killed ones and orphans.
    """
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    with locked(folder / "postgres.lock"), locked(folder / "valkey.lock"):
        for name in ("postgres", "postgres.new", "run"):
            remove_folder(folder / name)
    shutil.rmtree(folder)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder for one test."""
    with temporary_state() as folder:
        yield folder
