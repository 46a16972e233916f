"""The simulated vendors as a process: pinned, over TLS, with what they measured at the end."""

import os
import ssl
from pathlib import Path

import aiohttp
import pytest

from lab.benchmarks.clip import SILENCE, Phrase
from lab.benchmarks.server import NotReady
from lab.benchmarks.vendors.conversation import KEY, make_vendor_config
from lab.benchmarks.vendors.markers import make_marker
from lab.benchmarks.vendors.vendor_process import LoopBeat, VendorFigures, running_vendors

PHRASE = Phrase((SILENCE,), 0, 20)
NOVA = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true"
INK = "/stt/websocket?model=ink-2&encoding=pcm_mulaw&sample_rate=8000"
CARTESIA_HEADERS = {"X-API-Key": KEY, "Cartesia-Version": "2026-03-01"}


async def test_both_vendors_of_the_usual_three_that_recognize_hear_their_callers(tmp_path: Path) -> None:
    """Cartesia's recognizer was deaf: its load had calls without answers, which cost little."""
    core = min(os.sched_getaffinity(0))
    with running_vendors(make_vendor_config(PHRASE), core, tmp_path) as vendors:
        tls = ssl.create_default_context(cafile=vendors.addresses.authority)
        deepgram, cartesia = vendors.addresses.deepgram + NOVA, vendors.addresses.cartesia + INK
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(deepgram, headers={"Authorization": f"Token {KEY}"}, ssl=tls) as nova,
            http.ws_connect(cartesia, headers=CARTESIA_HEADERS, ssl=tls) as ink,
        ):
            await nova.send_bytes(make_marker(5, 9))
            await nova.send_str('{"type":"CloseStream"}')
            assert "Results" in await nova.receive_str()
            await ink.send_bytes(make_marker(6, 1))
            await ink.send_str("done")
            assert "done" in await ink.receive_str()
    assert [(arrival.call, arrival.number) for arrival in vendors.figures.arrivals] == [(5, 9), (6, 1)]
    assert vendors.figures.beats


def test_a_config_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with pytest.raises(NotReady), running_vendors({"heard": "?"}, core, tmp_path):
        pass


def test_share_and_lag_are_those_of_the_window() -> None:
    beats = [LoopBeat(0.0, 9.0, 0.0), LoopBeat(1.0, 0.001, 1.0), LoopBeat(3.0, 0.002, 1.5), LoopBeat(5.0, 9.0, 9.0)]
    figures = VendorFigures([], beats)
    assert figures.share(1.0, 4.0) == 0.25
    assert figures.lag(1.0, 4.0).worst == 2.0
    assert figures.share(8.0, 9.0) == 0.0
