"""The simulated vendors as a process: pinned, over TLS, with what they measured at the end."""

import os
import ssl
from pathlib import Path

import aiohttp
import pytest

from benchmarks.clip import SILENCE, Phrase
from benchmarks.server import NotReady
from benchmarks.vendors.conversation import KEY, make_vendor_config
from benchmarks.vendors.markers import make_marker
from benchmarks.vendors.vendor_process import LoopBeat, VendorFigures, running_vendors

PHRASE = Phrase((SILENCE,), 0, 20)
NOVA = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true"


async def test_a_marker_sent_to_the_recogniser_is_in_the_figures(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with running_vendors(make_vendor_config(PHRASE), core, tmp_path) as vendors:
        tls = ssl.create_default_context(cafile=vendors.addresses.authority)
        headers = {"Authorization": f"Token {KEY}"}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(vendors.addresses.deepgram + NOVA, headers=headers, ssl=tls) as socket,
        ):
            await socket.send_bytes(make_marker(5, 9))
            await socket.send_str('{"type":"CloseStream"}')
            assert "Results" in await socket.receive_str()
    assert [(arrival.call, arrival.number) for arrival in vendors.figures.arrivals] == [(5, 9)]
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
