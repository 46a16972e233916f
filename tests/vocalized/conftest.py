"""State folders for embedded services."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.platform.service_folder import make_service_folder
from vocalized.services.account import remove_folder
from vocalized.services.folders import locked


@contextmanager
def temporary_state() -> Iterator[Path]:
    """A folder for servers.

    It is removed when the last server on it has ended, including killed ones and orphans.
    """
    folder = make_service_folder()
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
