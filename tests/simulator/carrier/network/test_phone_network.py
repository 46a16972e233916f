"""The phone network: calls, subscribers, available numbers and the inventory."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.network.available_numbers import list_available_numbers
from simulator.carrier.network.inventory import Inventory, NumberTaken, OwnedNumber
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import CallEvent, IncomingCall, NotAnswered, PhoneNetwork, Subscriber
from tests.platform.twilio_network import NUMBER, PERSON, SPEED


class FakeCarrier:
    """A carrier that handles each call in the given way."""

    name = "bell"

    def __init__(self, does: str) -> None:
        self.does = does
        self.calls: list[IncomingCall] = []

    def owns(self, number: str) -> bool:
        return number == NUMBER

    async def incoming(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.ringing("B1")
        match self.does:
            case "answer":
                line = await call.answer()
                assert await call.answer() is line
                call.refuse("busy")  # too late
                await line.wait(0.1)
            case "refuse":
                call.refuse("busy")
                call.refuse("again")
                with pytest.raises(NotAnswered):
                    await call.answer()
            case "wait":
                await call.hung_up.wait()
                with pytest.raises(NotAnswered):
                    await call.answer()
            case "fail":
                raise ValueError("a bug in the carrier")


def make_network(does: str = "answer") -> PhoneNetwork:
    network = PhoneNetwork(lambda: RealTimeClock(SPEED))
    network.add(FakeCarrier(does))
    return network


async def test_a_call_that_is_answered() -> None:
    events: list[CallEvent] = []
    network = make_network()
    outcome = await network.call(PERSON, NUMBER, PassiveParty(), on_event=events.append)
    assert (outcome.carrier, outcome.call_id, outcome.answered, outcome.ended_by) == ("bell", "B1", True, "network")
    assert outcome.audio is not None and outcome.audio.duration_ms >= 100
    assert events == [CallEvent("ringing", "bell", "B1"), CallEvent("answered", "bell", "B1")]
    assert [entry.state for entry in network.journal] == ["ended"]


async def test_call_that_is_refused_or_cancelled() -> None:
    events: list[CallEvent] = []
    outcome = await make_network("refuse").call(PERSON, NUMBER, PassiveParty(), on_event=events.append)
    assert (outcome.answered, outcome.reason, outcome.audio) == (False, "busy", None)
    assert [event.event for event in events] == ["ringing", "refused"]
    network = make_network("wait")
    outcome = await network.call(PERSON, NUMBER, PassiveParty(), patience_s=0.01)
    assert (outcome.reason, network.journal[0].state) == ("cancelled", "cancelled")
    hung_up = asyncio.Event()
    hung_up.set()
    assert (await make_network("wait").call(PERSON, NUMBER, PassiveParty(), hung_up=hung_up)).reason == "cancelled"
    assert (await make_network().call(PERSON, "+1", PassiveParty())).reason == "unknown_number"
    with pytest.raises(ValueError, match="a bug"):
        await make_network("fail").call(PERSON, NUMBER, PassiveParty())


async def test_subscribers_are_rung() -> None:
    network = make_network()
    rang: list[str] = []
    with pytest.raises(NotAnswered, match="unknown_number"):
        await network.ring_phone(NUMBER, PERSON)
    for behavior, reason in (("busy", "busy"), ("reject", "rejected"), ("no_answer", "no_answer")):
        network.subscribers[PERSON] = Subscriber(behavior, ring_s=0.01)  # type: ignore[arg-type]
        with pytest.raises(NotAnswered, match=reason):
            await network.ring_phone(NUMBER, PERSON, timeout_s=0.05, ringing=lambda: rang.append("ring"))
    assert rang == ["ring", "ring"]
    network.default = Subscriber("machine", ring_s=0.0, greeting_s=1.0)
    reached = await network.ring_phone(NUMBER, "+1")
    assert (reached.machine, reached.greeting_s) == (True, 1.0)
    reached.line.hang_up()
    await reached.line.closed()
    assert [entry.state for entry in network.journal][-1] == "ended"


def test_number_has_one_owner_and_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "state" / "numbers.json"
    inventory = Inventory(path)
    owned = OwnedNumber("bell", NUMBER, "PN1", {"VoiceUrl": "http://a"})
    inventory.add(owned)
    with pytest.raises(NumberTaken):
        inventory.add(OwnedNumber("other", NUMBER, "PN2"))
    inventory.change(owned, {"Name": "x"})
    reloaded = Inventory(path)
    assert reloaded.of("bell") == [OwnedNumber("bell", NUMBER, "PN1", {"VoiceUrl": "http://a", "Name": "x"})]
    assert (reloaded.by_id("bell", "PN1"), reloaded.by_id("other", "PN1"), reloaded.of("other")) == (
        reloaded.get(NUMBER),
        None,
        [],
    )
    reloaded.remove(NUMBER)
    reloaded.remove(NUMBER)
    assert Inventory(path).get(NUMBER) is None
    path.write_text("{")
    with pytest.raises(ValueError, match=r"numbers\.json"):
        Inventory(path)
    path.write_text('[{"number": 1}]')
    with pytest.raises(ValueError, match=r"numbers\.json"):
        Inventory(path)


def test_available_numbers_are_the_same_each_time() -> None:
    first = [sale.phone_number for sale in islice(list_available_numbers("US", "local"), 20_000)]
    assert first == [sale.phone_number for sale in islice(list_available_numbers("US", "local"), 20_000)]
    assert len(set(first)) == 20_000
    assert next(list_available_numbers("US", "local", "907")).phone_number == "+19075550000"
    assert next(list_available_numbers("GB", "local", "161")).phone_number == "+441614960000"
    assert next(list_available_numbers("DE", "local")).phone_number == "+493023125000"
    assert (
        list(list_available_numbers("FR", "local"))
        == list(list_available_numbers("US", "mobile"))
        == list(list_available_numbers("US", "toll_free", "415"))
        == []
    )


async def test_phone_that_is_connected_while_its_number_rings_is_called() -> None:
    network, ringing = make_network(), asyncio.Event()
    network.default = Subscriber("no_answer")
    calling = asyncio.create_task(network.ring_phone(NUMBER, PERSON, ringing=ringing.set))
    async with asyncio.timeout(30):
        await ringing.wait()
        network.connect_phone("+12125550188", Subscriber(ring_s=0))
        network.connect_phone(PERSON, Subscriber(ring_s=0))
        reached = await calling
    reached.line.hang_up()
    await reached.line.closed()


async def test_number_without_a_phone_rings_until_the_caller_gives_up() -> None:
    network = make_network()
    network.default = Subscriber("no_answer")
    with pytest.raises(NotAnswered) as caught:
        await network.ring_phone(NUMBER, PERSON, timeout_s=0.05)
    assert caught.value.reason == "no_answer"
    assert network._awaited == {}
