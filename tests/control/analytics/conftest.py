"""A database for the property test, which empties it before every example."""

import pytest


@pytest.fixture(scope="module")
def rollup_url(database_url: str) -> str:
    """Of the module's own: a hypothesis test takes no fixture that is made anew for each test."""
    return database_url
