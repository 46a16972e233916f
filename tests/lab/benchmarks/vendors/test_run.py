"""A run with vendors: what servers are told, and which loads are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import pytest

from lab.benchmarks.clip import Phrase
from lab.benchmarks.results import LoadResult
from lab.benchmarks.server import LEAN, OURS
from lab.benchmarks.vendors.conversation import VendorAddresses, VendorTrio, make_plan
from lab.benchmarks.vendors.costs import trios
from lab.benchmarks.vendors.run import LoadCores, VendorBench, VendorLoad, VendorSeries, prepare, vendor_series
from media.command import VENDORS
from media.providers.factory import ProviderFactory
from shared.plan import decode_plan, read_plan
from simulator.vendors.entry import load_entries
from simulator.vendors.google_account import make_key_file
from tests.lab.benchmarks.test_verdict import load

ADDRESSES = VendorAddresses("/ca.pem", "wss://127.0.0.1:1", "https://127.0.0.1:2/v1", "wss://127.0.0.1:3")


def measured(result: LoadResult, *, vendors: float = 0.4, missing: int = 0) -> VendorLoad:
    """A load whose frames reached the recognizer after 1 to 20 ms."""
    return VendorLoad(result, [float(ms) for ms in range(1, 21)], missing, vendors, result.lag)


class ScriptedBench(VendorBench):
    """Has its results from a script."""

    def __init__(self, results: Mapping[int, VendorLoad]) -> None:
        super().__init__(Phrase((), 0, 0), LoadCores(1, 0), print)
        self.tried: list[int] = []
        self._results = results

    def load(self, series: VendorSeries, calls: int) -> VendorLoad:
        self.tried.append(calls)
        return self._results[calls]


async def test_our_server_gets_a_plan_that_it_takes(tmp_path: Path) -> None:
    contender = prepare(OURS, ADDRESSES, tmp_path)
    assert contender.environment == {"SSL_CERT_FILE": "/ca.pem"}
    plan = read_plan(Path(contender.arguments[-1]))
    async with aiohttp.ClientSession() as http:
        ProviderFactory(VENDORS, http).check(plan)
    assert [choice.provider for choice in (*plan.stt, *plan.llm, *plan.tts)] == ["deepgram", "openai", "cartesia"]
    assert plan.agent.greeting


def test_each_vendor_with_a_simulator_has_its_rows() -> None:
    for kind in ("stt", "llm", "tts"):
        measured = {getattr(trio, kind).partition(" ")[0] for _, trio in trios()}
        assert measured == {name for name, entry in load_entries().items() if kind in entry.usual}


@pytest.mark.parametrize("trio", [trio for _, trio in trios()])
async def test_our_server_takes_the_plan_with_each_vendor(trio: VendorTrio) -> None:
    others = dict.fromkeys(load_entries(), "localhost:4")
    plan = make_plan(msgspec.structs.replace(ADDRESSES, others=others, key_file=make_key_file("a")), trio)
    async with aiohttp.ClientSession() as http:
        ProviderFactory(VENDORS, http).check(decode_plan(msgspec.json.encode(plan)))


def test_the_peer_is_told_the_same_addresses(tmp_path: Path) -> None:
    contender = prepare(LEAN, ADDRESSES, tmp_path)
    told = msgspec.json.decode(Path(contender.arguments[-1]).read_bytes())
    assert contender.arguments[:-2] == LEAN.arguments
    assert (told["deepgram"], told["openai"]) == (ADDRESSES.deepgram, ADDRESSES.openai)
    assert told["cartesia"] == "wss://127.0.0.1:3/tts/websocket"


def test_fewer_calls_are_tried_while_the_generator_does_not_carry_them() -> None:
    series = vendor_series(200, 60.0)[0]
    bench = ScriptedBench({200: measured(load(200), vendors=0.7), 150: measured(load(150)), 100: measured(load(100))})
    record = bench.record(series)
    assert bench.tried == [200, 150]
    assert [one.load.calls for one in record.loads] == [150, 200]
    assert not record.best.void
    assert record.best.load.calls == 150


def test_a_server_climbs_until_it_fails() -> None:
    results = {5: measured(load(5)), 10: measured(load(10, underruns=1)), 15: measured(load(15))}
    bench = ScriptedBench(results)
    record = bench.record(replace(vendor_series(200, 60.0)[1], steps=(5, 10, 15)))
    assert (bench.tried, record.held) == ([5, 10], 5)
