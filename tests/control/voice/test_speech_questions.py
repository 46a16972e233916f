"""Trying keys and settings of AssemblyAI and xAI at the simulated vendors, before they are saved."""

import json
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
from shared.providers.check import find_typed_status
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.server import running_vendor
from tests.control.agents.strategies import offer
from vendors.assemblyai import check as assemblyai_check
from vendors.assemblyai.simulator import SimulatedAssemblyAi
from vendors.elevenlabs.check import CHECK
from vendors.elevenlabs.facts import ElevenLabsTextToSpeechOptions
from vendors.xai.simulator import SimulatedXai

KEY = "simulated-vendor-key"
Running = tuple[SimulatedAssemblyAi, str]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    vendor = SimulatedAssemblyAi()
    async with running_vendor(vendor.routes(), None) as address:
        yield vendor, address


def provider(address: str, key: str = KEY, **changed: Any) -> KeyedProvider:
    options = {"model": "universal-3-6-pro", "base_url": f"ws://{address}", **changed}
    config = {VENDOR: "assemblyai", "stt": options}
    return KeyedProvider(offer("my-assemblyai", kinds=["stt"], config=config), key)


async def refusal(asked: KeyedProvider) -> Invalid:
    with pytest.raises(Invalid) as raised:
        await KeyChecker(EgressGuard(), 5.0).check(KeyCheck(asked))
    return raised.value


def test_elevenlabs_context_opens_with_a_blank_and_its_text_ends_with_one() -> None:
    question = CHECK.questions["tts"](ElevenLabsTextToSpeechOptions(speed=1.1))
    opening, word = map(json.loads, question.messages)
    assert (opening["text"], opening["voice_settings"]) == (" ", {"speed": 1.1})
    assert word["text"] == "Hi. "


async def test_what_the_vendor_accepts_is_accepted_and_the_session_terminated(running: Running) -> None:
    vendor, address = running
    for changed in ({}, {"keyterm": ["Maple"], "agent_context": "Hi."}, {"model": "universal-streaming-english"}):
        assert set(await check_roles(provider(address, **changed), 5.0)) == {"stt"}
    assert vendor.queries[1]["keyterms_prompt"] == '["Maple"]'
    assert vendor.unterminated == 0


@pytest.mark.parametrize("by_http", [False, True])
async def test_a_wrong_key_is_refused_in_the_vendors_words(running: Running, by_http: bool) -> None:
    vendor, address = running
    vendor.refuses_by_http = by_http
    refused = await refusal(provider(address, "wrong-key-1234"))
    assert (refused.code, refused.param) == ("key_refused", "api_key")
    assert "wrong-key" not in str(refused)
    assert "Unauthorized Connection" in str(refused)


@pytest.mark.parametrize(
    ("changed", "param"),
    [({"model": "universal-4"}, "config.stt.model"), ({"keyterm": ["x"] * 101}, "config.stt.keyterm")],
)
async def test_the_vendors_reason_names_the_option(running: Running, changed: dict[str, Any], param: str) -> None:
    refused = await refusal(provider(running[1], **changed))
    assert (refused.code, refused.param) == ("provider_refused", param)


@pytest.mark.parametrize(
    ("fault", "words"), [("refuse", "no connection"), ("no_credit", "402"), ("rate_limited", "429")]
)
async def test_each_failure_of_the_vendor_is_told(running: Running, fault: FaultKind, words: str) -> None:
    vendor, address = running
    vendor.state.faults.keep("stt", Fault(fault))
    refused = await refusal(provider(address))
    assert refused.code == "provider_refused"
    assert words in str(refused)


async def test_a_key_is_tried_by_a_token(running: Running) -> None:
    assert await probe(provider(running[1]), 5.0) > 0
    with pytest.raises(ProbeFailed) as raised:
        await probe(provider(running[1], "wrong-key-1234"), 5.0)
    assert raised.value.is_key_refused
    assert running[0].state.opened["stt"] == 0


@pytest.mark.parametrize(
    ("message", "status"),
    [({"error_code": 4001}, 401), ({"error_code": "model_not_found"}, 0), ({}, 0)],
)
def test_the_status_of_an_error_message(message: dict[str, Any], status: int) -> None:
    assert assemblyai_check.CHECK.find_status({"type": "Error", **message}) == status


def test_the_status_of_an_error_whose_message_has_it() -> None:
    assert find_typed_status({"type": "Error", "status_code": 404}) == 404


@pytest.fixture
async def running_xai() -> AsyncIterator[tuple[SimulatedXai, str]]:
    vendor = SimulatedXai()
    async with running_vendor(vendor.routes(), None) as address:
        yield vendor, address


def xai_provider(address: str, key: str = KEY, **changed: Any) -> KeyedProvider:
    options = {"model": "grok-voice-transcribe-2.0", "base_url": f"ws://{address}/v1", **changed}
    return KeyedProvider(offer("my-xai", kinds=["stt"], config={VENDOR: "xai", "stt": options}), key)


async def test_xai_is_asked_for_a_session_and_for_what_it_knows_of_the_key(
    running_xai: tuple[SimulatedXai, str],
) -> None:
    vendor, address = running_xai
    assert set(await check_roles(xai_provider(address, keyterm=["Maple", "Kelly"]), 5.0)) == {"stt"}
    assert vendor.queries[0]["keyterm"] == ["Maple", "Kelly"]
    assert vendor.state.total("stt", "ms") == 0


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("unauthorized", "key_refused", "Incorrect API key"),
        ("no_credit", "provider_refused", "402"),
        ("rate_limited", "provider_refused", "429"),
        ("refuse", "provider_refused", "no connection"),
    ],
)
async def test_xais_refusals_are_told_by_what_their_sentences_mean(
    running_xai: tuple[SimulatedXai, str], fault: FaultKind, code: str, words: str
) -> None:
    vendor, address = running_xai
    vendor.state.faults.keep("stt", Fault(fault))
    refused = await refusal(xai_provider(address))
    assert refused.code == code
    assert words in str(refused)
    assert KEY not in str(refused)
