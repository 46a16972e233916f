"""Trying the key file of a Google service account, before it is saved, at the simulated vendor's documents."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.voice.keys import KeyedProvider, require_key
from control.voice.probe import ProbeFailed, probe
from control.voice.role_check import RoleRefused, check_roles
from control.voice.routing.rules import VENDOR
from simulator.vendors.google_account import make_key_file
from simulator.vendors.server import VendorState, running_vendor
from tests.control.agents.strategies import offer
from vendors.google_speech.simulator import google_documents


@pytest.fixture
async def address() -> AsyncIterator[str]:
    state = VendorState(key=make_key_file("a"))
    async with running_vendor(google_documents(state), None) as address:
        yield address


def provider(address: str, key: str) -> KeyedProvider:
    settings: dict[str, Any] = {kind: {"base_url": f"http://{address}"} for kind in ("stt", "tts")}
    config = {VENDOR: "google-speech", **settings}
    return KeyedProvider(offer("my-google", kinds=["stt", "tts"], config=config), key)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_both_roles_are_tried_with_a_key_file_in_base64(address: str) -> None:
    key = in_base64(make_key_file("a"))
    require_key(key, "key")  # one word, so that it can be saved
    assert set(await check_roles(provider(address, key), 5.0)) == {"stt", "tts"}
    assert await probe(provider(address, make_key_file("a")), 5.0) > 0


async def test_another_accounts_key_is_refused(address: str) -> None:
    with pytest.raises(RoleRefused) as raised:
        await check_roles(provider(address, in_base64(make_key_file("b"))), 5.0)
    assert raised.value.is_key_refused
    assert "UNAUTHENTICATED" in str(raised.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("AIzaSy-an-api-key", "the JSON key file of a service account is needed"),
        (in_base64('{"type": "service_account"}'), "the JSON key file of a service account is needed"),
        (in_base64(make_key_file("a").replace('"service_account"', '"authorized_user"')), "type is not"),
        (in_base64(json.dumps({**json.loads(make_key_file("a")), "private_key": "x"})), "private_key cannot be read"),
    ],
)
async def test_rejects_an_invalid_key_file_without_a_request(address: str, key: str, words: str) -> None:
    with pytest.raises(ProbeFailed, match=words) as raised:
        await probe(provider(address, key), 5.0)
    assert raised.value.is_key_refused
