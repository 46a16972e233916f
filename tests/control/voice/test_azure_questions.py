"""Trying keys and settings of Azure's speech service at the simulated one, before they are saved."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider
from control.voice.probe import ProbeFailed, probe
from control.voice.role_check import check_roles
from control.voice.routing.rules import VENDOR, Kind
from shared.egress import EgressGuard
from shared.errors import Invalid
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.server import running_vendor
from tests.control.agents.strategies import offer
from vendors.azure_speech.check import CHECK
from vendors.azure_speech.facts import AzureSpeechToTextOptions, AzureTextToSpeechOptions
from vendors.azure_speech.simulator import SimulatedAzure

KEY = "simulated-vendor-key"
VOICE = "en-US-AvaMultilingualNeural"
KINDS: tuple[Kind, ...] = ("stt", "tts")
Running = tuple[SimulatedAzure, str]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    vendor = SimulatedAzure(voices=frozenset({VOICE}))
    async with running_vendor(vendor.routes(), None) as address:
        yield vendor, address


def provider(address: str, *kinds: Kind, key: str = KEY, **changed: Any) -> KeyedProvider:
    config = {kind: {"base_url": f"ws://{address}", **changed} for kind in kinds}
    return KeyedProvider(offer("my-azure", kinds=kinds, config={VENDOR: "azure-speech", **config}), key)


async def refusal(asked: KeyedProvider) -> Invalid:
    with pytest.raises(Invalid) as raised:
        await KeyChecker(EgressGuard(), 5.0).check(KeyCheck(asked))
    return raised.value


async def test_what_the_vendor_accepts_is_accepted_for_a_word(running: Running) -> None:
    vendor, address = running
    assert set(await check_roles(provider(address, "stt", "tts"), 5.0)) == {"stt", "tts"}
    assert await check_roles(provider(address, "tts", rate="+10%", pitch="low"), 5.0)
    assert vendor.state.total("stt", "ms") == 0
    assert vendor.state.total("tts", "characters") == len("Hi.") + len('<prosody rate="+10%" pitch="low">Hi.</prosody>')
    assert await probe(provider(address, "tts"), 5.0) > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_key_is_refused_in_the_vendors_words(running: Running, kind: Kind) -> None:
    _, address = running
    refused = await refusal(provider(address, kind, key="wrong-key-1234"))
    assert (refused.code, refused.param) == ("key_refused", "api_key")
    assert "wrong-key" not in str(refused)
    assert "invalid subscription key" in str(refused)
    with pytest.raises(ProbeFailed) as failed:
        await probe(provider(address, kind, key="wrong-key-1234"), 5.0)
    assert failed.value.is_key_refused


@pytest.mark.parametrize(
    ("kind", "fault", "words"),
    [
        ("stt", "refuse", "no connection"),
        ("tts", "refuse", "no connection"),
        ("stt", "no_credit", "402"),
        ("tts", "no_credit", "402"),
        ("stt", "rate_limited", "429"),
        ("tts", "rate_limited", "4429"),
    ],
)
async def test_each_failure_of_the_vendor_is_told(running: Running, kind: Kind, fault: FaultKind, words: str) -> None:
    vendor, address = running
    vendor.recognizer.limits = vendor.speech.limits = type(vendor.limits)(throttles_by_http=kind == "stt")
    vendor.state.faults.keep("stt" if kind == "stt" else "tts", Fault(fault))
    refused = await refusal(provider(address, kind))
    assert refused.code == "provider_refused"
    assert words in str(refused)


async def test_a_voice_that_there_is_not_is_named_behind_its_turns_start(running: Running) -> None:
    _, address = running
    refused = await refusal(provider(address, "tts", voice_id="en-US-NobodyNeural"))
    assert (refused.code, refused.param) == ("provider_refused", "config.tts.voice_id")
    assert "Unsupported voice en-US-NobodyNeural" in str(refused)


def test_the_region_names_the_host_and_text_is_escaped() -> None:
    options = AzureSpeechToTextOptions(region="westeurope", endpoint_id="e")
    assert CHECK.questions["stt"](options).url.startswith(
        "wss://westeurope.stt.speech.microsoft.com/speech/recognition/conversation/cognitiveservices/v1?cid=e&"
    )
    question = CHECK.questions["tts"](AzureTextToSpeechOptions(voice_id="'><x y='"))
    assert question.url.startswith("wss://eastus.tts.speech.microsoft.com/cognitiveservices/websocket/v1")
    assert "name=\"'&gt;&lt;x y='\"" in str(question.messages[2])
