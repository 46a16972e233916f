"""A database for the property test, which empties it before every example."""

import pytest


@pytest.fixture(scope="module")
def rollup_url(database_url: str) -> str:
    """The module's database: a hypothesis test takes no function-scoped fixture."""
    return database_url
