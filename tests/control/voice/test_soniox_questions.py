"""Trying keys and settings of Soniox at its simulator, before they are saved."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider
from control.voice.probe import ProbeFailed, probe
from control.voice.role_check import check_roles
from control.voice.routing.rules import VENDOR
from shared.egress import EgressGuard
from shared.errors import Invalid
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.server import running_vendor
from tests.control.agents.strategies import offer
from vendors.soniox.check import CHECK
from vendors.soniox.simulator import SimulatedSoniox

KEY = "simulated-vendor-key"
Running = tuple[SimulatedSoniox, str]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    vendor = SimulatedSoniox()
    async with running_vendor(vendor.routes(), None) as address:
        yield vendor, address


def provider(address: str, key: str = KEY, **changed: Any) -> KeyedProvider:
    options = {"model": "stt-rt-v5", "base_url": f"ws://{address}", **changed}
    return KeyedProvider(offer("my-soniox", kinds=["stt"], config={VENDOR: "soniox", "stt": options}), key)


def voice(address: str, **changed: Any) -> KeyedProvider:
    options = {"model": "tts-rt-v2", "base_url": f"ws://{address}", **changed}
    return KeyedProvider(offer("my-soniox", kinds=["tts"], config={VENDOR: "soniox", "tts": options}), KEY)


async def refusal(asked: KeyedProvider) -> Invalid:
    with pytest.raises(Invalid) as raised:
        await KeyChecker(EgressGuard(), 5.0).check(KeyCheck(asked))
    return raised.value


async def test_what_the_vendor_accepts_is_accepted_for_a_fifth_of_a_second_of_silence(running: Running) -> None:
    vendor, address = running
    for changed in ({}, {"keyterm": ["Maple"], "context": "A dentist."}, {"endpoint_sensitivity": 0.5}):
        assert set(await check_roles(provider(address, **changed), 5.0)) == {"stt"}
    assert vendor.starts[1]["context"] == {"text": "A dentist.", "terms": ["Maple"]}
    assert vendor.starts[2]["endpoint_sensitivity"] == 0.5
    assert vendor.state.total("stt", "ms") == 600


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"model": "stt-rt-v99"}, "config.stt.model"),
        ({"context": "x" * 10_001}, "config.stt.context"),
        ({"model": "stt-rt-v4", "endpoint_sensitivity": 1}, "config.stt.endpoint_sensitivity"),
    ],
)
async def test_the_vendors_reason_names_the_option(running: Running, changed: dict[str, Any], param: str) -> None:
    refused = await refusal(provider(running[1], **changed))
    assert (refused.code, refused.param) == ("provider_refused", param)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("unauthorized", "key_refused", "Incorrect API key"),
        ("no_credit", "provider_refused", "402"),
        ("rate_limited", "provider_refused", "429"),
        ("refuse", "provider_refused", "no connection"),
    ],
)
async def test_each_failure_of_the_vendor_is_told(running: Running, fault: FaultKind, code: str, words: str) -> None:
    vendor, address = running
    vendor.state.faults.keep("stt", Fault(fault))
    refused = await refusal(provider(address))
    assert refused.code == code
    assert words in str(refused)
    assert KEY not in str(refused)


async def test_a_key_is_tried_by_the_list_of_models(running: Running) -> None:
    assert await probe(provider(running[1]), 5.0) > 0
    with pytest.raises(ProbeFailed) as raised:
        await probe(provider(running[1], "wrong-key-1234"), 5.0)
    assert raised.value.is_key_refused
    assert running[0].state.opened["stt"] == 0


@pytest.mark.parametrize(("code", "status"), [(401, 401), (None, 0), ("x", 0)])
def test_the_status_of_an_error_message(code: Any, status: int) -> None:
    assert CHECK.find_status({"tokens": [], "error_code": code, "error_message": "No."}) == status


def test_a_message_with_tokens_is_no_error() -> None:
    assert CHECK.find_status({"tokens": [], "total_audio_proc_ms": 200}) is None


async def test_a_voice_says_one_word(running: Running) -> None:
    vendor, address = running
    assert set(await check_roles(voice(address, speed=1.1), 5.0)) == {"tts"}
    assert vendor.state.total("tts", "characters") == 3


@pytest.mark.parametrize(
    ("changed", "param"),
    [({"model": "tts-rt-v99"}, "config.tts.model"), ({"voice_id": "Nobody"}, "config.tts.voice_id")],
)
async def test_a_voices_reason_names_the_option(running: Running, changed: dict[str, Any], param: str) -> None:
    refused = await refusal(voice(running[1], **changed))
    assert (refused.code, refused.param) == ("provider_refused", param)
