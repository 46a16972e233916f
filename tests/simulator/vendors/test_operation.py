"""The HTTP interface of whoever operates simulated vendors, their documents and their authority."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.operation import FaultInvalid, VendorOperation, read_fault
from simulator.vendors.server import VendorState, running_vendor
from vendors.cartesia.simulator import cartesia_documents
from vendors.deepgram.simulator import deepgram_documents
from vendors.elevenlabs.simulator import elevenlabs_documents


async def request(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.request(method, url + path, json=body) as response:
        return response.status, await response.json() if response.content_type == "application/json" else None


async def test_faults_are_set_shown_and_ended() -> None:
    state = VendorState()
    state.bill("tts", "sonic", "characters", 12)
    state.bill("tts", "sonic", "characters", 3)
    operation = VendorOperation({"cartesia": state}, {"cartesia": ("stt", "tts")})
    speaking = state.open("tts")
    async with running_vendor(operation.routes(), None) as address:
        url = f"http://{address}"
        assert await request(url, "GET", "/healthz") == (200, {"status": "ok"})
        assert (await request(url, "PUT", "/vendors/cartesia/faults/tts", {"kind": "cut"}))[0] == 200
        assert speaking.has("cut") and state.open("tts").has("cut")
        assert (await request(url, "PUT", "/vendors/cartesia/faults/stt", {"kind": "slow", "connections": 2}))[0] == 200
        _, shown = await request(url, "GET", "/vendors")
        assert shown["vendors"] == [
            {
                "vendor": "cartesia",
                "opened": {"stt": 0, "tts": 2},
                "billed": [{"role": "tts", "model": "sonic", "unit": "characters", "quantity": 15}],
                "faults": {
                    "stt": {"kind": "slow", "after_units": 0, "factor": 10.0, "connections": 2},
                    "tts": {"kind": "cut", "after_units": 0, "factor": 10.0, "connections": None},
                },
            }
        ]
        assert (await request(url, "DELETE", "/vendors/cartesia/faults/tts"))[0] == 200
        assert speaking.fault is None and state.open("tts").fault is None
        assert (await request(url, "PUT", "/vendors/cartesia/faults/llm", {"kind": "cut"}))[0] == 404
        assert (await request(url, "PUT", "/vendors/cartesia/faults/tts", {"kind": "cough"}))[0] == 422


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "no object"),
        ({"kind": "cut", "when": 1}, "when: there is no such field"),
        ({"after_units": 1}, "kind: one of"),
        ({"kind": "cut", "after_units": -1}, "after_units: a number"),
        ({"kind": "cut", "after_units": True}, "after_units: a number"),
        ({"kind": "cut", "connections": "2"}, "connections: a number"),
    ],
)
def test_a_fault_that_cannot_be_names_its_field(body: object, words: str) -> None:
    with pytest.raises(FaultInvalid, match=words):
        read_fault(body)


def test_a_fault_is_read() -> None:
    assert read_fault({"kind": "cut", "after_units": 3, "connections": 0}) == (Fault("cut", 3), None)


async def test_documents_are_for_the_owner_of_the_key() -> None:
    state = VendorState(key="k")
    documents = [*deepgram_documents(state), *cartesia_documents(state), *elevenlabs_documents(state)]
    async with running_vendor(documents, None) as address:
        headers = {
            "/v1/projects": "Authorization",
            "/voices": "X-API-Key",
            "/voices/some": "X-API-Key",
            "/v1/models": "xi-api-key",
            "/v1/voices/some": "xi-api-key",
        }
        for path, header in headers.items():
            for key, status in (("k", 200), ("wrong", 401)):
                value = f"Token {key}" if header == "Authorization" else key
                sent = {header: value, "Cartesia-Version": "2026-03-01"}
                async with aiohttp.ClientSession(headers=sent) as http, http.get(f"http://{address}{path}") as response:
                    assert response.status == status


def test_the_authority_can_vouch_for_this_machine_only(tmp_path: Path) -> None:
    authority = x509.load_pem_x509_certificate(make_certificate(tmp_path).authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    permitted = constraints.value.permitted_subtrees or []
    assert constraints.critical
    assert [str(name.value) for name in permitted] == ["localhost", "127.0.0.1/32"]
