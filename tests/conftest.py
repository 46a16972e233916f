"""What all tests share: hypothesis's profile, and PostgreSQL and Valkey for those that want them: one server of each, a
fresh database per module.

Servers start with the first test that asks. The fixtures are plain functions, tied to no test's event loop.
"""

import shutil
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, settings

from control.db.migrate import migrate
from vocalized.services.postgres import Postgres, serve_postgres
from vocalized.services.valkey import Valkey, serve_valkey

# A loaded machine must not fail a property: nothing that measures time. The same examples every time.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

_TEMPLATE = "migrated"
_numbers = count(1)


@pytest.fixture(scope="session")
def services_state() -> Iterator[Path]:
    """A short path that `nobody` can walk, which pytest's own temporary folders are not."""
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(services_state: Path) -> Iterator[Postgres]:
    """The running server, for tests that want more databases than one."""
    with serve_postgres(services_state, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database with all migrations and nothing else: a template, to which nobody connects."""
    migrate(postgres.create(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="module")
def database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database of this module's own, as its owner; the programs become `vocalized_app` in it."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name, template=migrated)
    postgres.drop(name)


@pytest.fixture
def fresh_database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database of this test's own."""
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
    """A Valkey that this module finds empty."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(unquote(urlsplit(valkey.url).path))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(64) == b"+OK\r\n"
    return valkey.url
