"""Signatures of media sockets: checked before the upgrade, and only on Twilio's path."""

import pytest
from aiohttp import WSServerHandshakeError

from media.server.signature import SignatureCheck
from shared.events import CallStarted
from shared.plan import CallPlan
from shared.twilio_signature import sign
from tests.media.server.phone import Phone
from tests.platform.bus_node import BusNode

URL = "wss://media.test"
TOKEN = "twilio token"


@pytest.fixture
def signatures(request: pytest.FixtureRequest) -> SignatureCheck:
    return SignatureCheck(URL, (TOKEN,), required=bool(getattr(request, "param", False)))


async def test_valid_signature_and_path_token_are_accepted(bus_node: BusNode, plan: CallPlan) -> None:
    token = await bus_node.ticket(plan)
    headers = {"x-twilio-signature": sign(TOKEN, f"{URL}/media/twilio/{token}")}
    socket = await bus_node.session.ws_connect(f"{bus_node.url}/media/twilio/{token}", headers=headers)
    phone = Phone(socket)
    await phone.start_stream()
    await bus_node.wait_for_event(CallStarted)
    await phone.hang_up()


async def test_ticket_alone_protects_a_socket_with_a_wrong_signature(bus_node: BusNode, plan: CallPlan) -> None:
    token = await bus_node.ticket(plan)
    socket = await bus_node.session.ws_connect(
        bus_node.url + f"/media/twilio/{token}", headers={"X-Twilio-Signature": "wrong"}
    )
    phone = Phone(socket)
    await phone.start_stream()
    await bus_node.wait_for_event(CallStarted)
    await phone.hang_up()
    intruder = Phone(
        await bus_node.session.ws_connect(bus_node.url + "/media/twilio/x", headers={"X-Twilio-Signature": "wrong"})
    )
    await intruder.start_stream()
    await intruder.wait_for("closed")
    assert intruder.close_code == 1008


@pytest.mark.parametrize("signatures", [True], indirect=True)
async def test_wrong_signature_is_refused_when_required(bus_node: BusNode) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await bus_node.session.ws_connect(bus_node.url + "/media/twilio", headers={"X-Twilio-Signature": "wrong"})
    assert bus_node.metric("vocalized_media_refused_total", reason="forged") == 1
    assert bus_node.worker.connections == ()


async def test_missing_signature_is_accepted_unless_required(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan)
    await bus_node.wait_for_event(CallStarted)
    await phone.hang_up()


@pytest.mark.parametrize("signatures", [True], indirect=True)
async def test_missing_signature_is_refused_when_required(bus_node: BusNode) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await bus_node.session.ws_connect(bus_node.url + "/media/twilio")
    assert bus_node.metric("vocalized_media_refused_total", reason="unsigned") == 1
    socket = await bus_node.session.ws_connect(bus_node.url + "/media/telnyx/token")  # which signs nothing
    await socket.close()


@pytest.mark.parametrize("carrier", ["telnyx", "browser"])
async def test_carrier_with_path_token_is_refused_without_it(bus_node: BusNode, carrier: str) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await bus_node.session.ws_connect(f"{bus_node.url}/media/{carrier}")
    assert bus_node.metric("vocalized_media_refused_total", reason="no_token") == 1
    assert bus_node.worker.connections == ()
