"""Databases with the shipped catalog, and simulated carriers, for the tests of several rooms."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer
from tests.platform.catalog import seed_database
from vocalized.services.postgres import Postgres

_TEMPLATE = "seeded"
_numbers = count(1)


@pytest.fixture(scope="session")
def seeded(postgres: Postgres, migrated: str) -> str:
    """The name of a template database with the shipped catalog, to which nobody connects. Its copy takes 35 ms of a
    core less than a copy of `migrated` that is seeded then."""
    url = postgres.create(_TEMPLATE, template=migrated)
    with asyncio.Runner() as runner:
        runner.run(seed_database(url))
    return _TEMPLATE


@pytest.fixture(scope="module")
def seeded_database_url(postgres: Postgres, seeded: str) -> Iterator[str]:
    """As `database_url`, with the shipped catalog."""
    name = f"seeded_{next(_numbers)}"
    yield postgres.create(name, template=seeded)
    postgres.drop(name)


@pytest.fixture
def fresh_seeded_database_url(postgres: Postgres, seeded: str) -> Iterator[str]:
    """As `fresh_database_url`, with the shipped catalog."""
    name = f"seeded_{next(_numbers)}"
    yield postgres.create(name, template=seeded)
    postgres.drop(name)


@pytest.fixture
async def twilio_peer() -> AsyncIterator[TwilioPeer]:
    """Twilio's REST API on a socket."""
    peer = TwilioPeer()
    async with peer.serving():
        yield peer


@pytest.fixture
async def telnyx_peer() -> AsyncIterator[TelnyxPeer]:
    """Telnyx's REST API on a socket."""
    peer = TelnyxPeer()
    async with peer.serving():
        yield peer
