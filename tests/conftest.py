"""Fixtures of all tests: hypothesis's profile, one PostgreSQL and one Valkey server, a fresh database per module.

The servers start with the first test that needs them. The fixtures are plain functions, tied to no test's event loop.
"""

import asyncio
import gc
import os
import shutil
import socket
from collections.abc import Generator, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from control.db.migrate import migrate
from tests.platform.file_scheduler import TOGETHER, FileScheduler, find_group
from tests.platform.service_folder import make_service_folder
from vocalized.services.postgres import Postgres, serve_postgres
from vocalized.services.valkey import Valkey, serve_valkey
from vocalized.services.valkey_cluster import serve_valkey_cluster

# No deadline, because a loaded machine must not fail a property. The same examples in every run: hypothesis would draw
# from the constants of whatever modules of ours its process has imported, so from the order of the test files.
assert hasattr(providers, "is_local_module_file")
providers.is_local_module_file = lambda _path: False
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("TEST_EXAMPLES", "100")),  # `make test` sets fewer
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")

TESTS = Path(__file__).parent
# What users do not run: simulators, laboratory, tools, documents, and the equipment of tests. `make test` omits it.
EXTENDED = (
    "deploy",
    "documents",
    "lab",
    "platform",
    "simulator",
    "test_architecture.py",
    "test_packaging.py",
    "test_supply.py",
    "test_virtual_time.py",
    "tools",
    "vocalized/caller",
    "vocalized/commands",
    "vocalized/demo",
    "vocalized/stack",
    "vocalized/vendors",
)
# Folders of tests that start the platform as processes: up to 50 s each.
SLOWEST = ("lab", "network", "vocalized")

# pipecat, once imported, replaces it on Python before 3.12 by one that raises a subclass of CancelledError. That is no
# time-out to `asyncio.timeout`, which compares the class: a late answer of Redis would end the request instead.
_WAIT_FOR = asyncio.wait_for

# A logger that keeps the settings of its first line, as those of our programs do, would tell later tests of its process
# nothing: `capture_logs` changes the present settings.
_configure_logging = structlog.configure


def _configure_without_cache(**options: Any) -> None:
    _configure_logging(**{**options, "cache_logger_on_first_use": False})


structlog.configure = _configure_without_cache  # type: ignore[assignment]  # called with keywords only

# So much niceness is a third of the time, as the kernel gives it to processes that compute.
NICENESS = 5

_TEMPLATE = "migrated"
_numbers = count(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps Python's garbage collector from the modules and tests, which live as long as the process, and leaves
    asyncio as our programs have it: of these only the engine process imports pipecat."""
    gc.disable()
    try:
        return (yield)
    finally:
        asyncio.wait_for = _WAIT_FOR
        gc.freeze()
        gc.enable()


@cache
def _is_extended(path: Path) -> bool:
    return f"{path.relative_to(TESTS).as_posix()}/".startswith(tuple(f"{part}/" for part in EXTENDED))


@cache
def _is_slowest(path: Path) -> bool:
    return path.relative_to(TESTS).parts[0] in SLOWEST


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Does not import the tests that `make test` omits: that takes each test process seconds."""
    is_omitted = "not extended" in config.getoption("markexpr") and _is_extended(collection_path)
    return True if is_omitted else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that `make test` omits, and puts the slowest files first, in their order, so that no test process
    works alone at the end."""
    for item in items:
        # Real models on this machine: users' calls have vendors' models.
        if _is_extended(item.path) or item.get_closest_marker("speech") or item.get_closest_marker("model"):
            item.add_marker("extended")
    items.sort(key=lambda item: not _is_slowest(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduler | None:
    """Keeps the tests of a file together, and those of some folders, where `--dist loadfile` is asked for."""
    return FileScheduler(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Lets the programs of the folders that stay together go first: their calls run in real time, for minutes, beside
    processes that compute."""
    if "PYTEST_XDIST_WORKER" in os.environ and find_group(item.nodeid) not in TOGETHER:
        _step_back()


@cache
def _step_back() -> None:
    os.nice(NICENESS)


@pytest.fixture(scope="session")
def services_state() -> Iterator[Path]:
    """The folder of both servers."""
    folder = make_service_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(services_state: Path) -> Iterator[Postgres]:
    """The running server, for tests that need several databases."""
    with serve_postgres(services_state, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a template database with all migrations and no data, to which nobody connects."""
    migrate(postgres.create(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="module")
def database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database for this module, as its owner; the programs switch to the role `vocalized_app`."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name, template=migrated)
    postgres.drop(name)


@pytest.fixture
def fresh_database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database for this test."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name, template=migrated)
    postgres.drop(name)


@pytest.fixture(scope="session")
def valkey(services_state: Path) -> Iterator[Valkey]:
    """The running server."""
    with serve_valkey(services_state, durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def valkey_url(valkey: Valkey) -> str:
    """The Valkey server, emptied for this module."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(unquote(urlsplit(valkey.url).path))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(64) == b"+OK\r\n"
    return valkey.url


@pytest.fixture(scope="session")
def valkey_cluster_url(services_state: Path) -> Iterator[str]:
    """Three Valkeys as a cluster, not emptied. Its start takes 2 s, so only tests of scripts and streams ask for it."""
    with serve_valkey_cluster(services_state, durable=False) as cluster:
        yield cluster.url
