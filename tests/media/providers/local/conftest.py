"""The real engines, loaded once for all tests that need them, and a folder short enough for a socket's path."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.providers.local.recognizer import Recognizer
from media.providers.local.voice import Voice


@pytest.fixture(scope="session")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    return Recognizer()


@pytest.fixture
def socket_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        yield Path(folder) / "engine.sock"


@pytest.fixture(scope="session")
def samples_folder() -> str:
    return str(Path(__file__).parents[4] / "config" / "samples")
