"""Databases without migrations."""

from collections.abc import Iterator
from itertools import count

import pytest

from vocalized.services.postgres import Postgres

_numbers = count(1)


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database for one test, as its owner."""
    name = f"empty_{next(_numbers)}"
    yield postgres.create(name)
    postgres.drop(name)
