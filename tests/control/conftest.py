"""Simulated carriers for the tests of several rooms."""

from collections.abc import AsyncIterator

import pytest

from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer


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
