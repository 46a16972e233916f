"""People who phone and are phoned, numbers on the market, and who owns them."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from simulator.carrier.network.inventory import Inventory, Owned, Taken
from simulator.carrier.network.people import Listener
from simulator.carrier.network.stock import for_sale
from simulator.carrier.network.world import CallEvent, Incoming, NotReached, Subscriber, World
from simulator.carrier.pace import RealTime
from tests.simulator.carrier.network.stage import NUMBER, PERSON, SPEED


class Side:
    """A carrier that does with each call what it was made for."""

    name = "bell"

    def __init__(self, does: str) -> None:
        self.does = does
        self.calls: list[Incoming] = []

    def owns(self, number: str) -> bool:
        return number == NUMBER

    async def incoming(self, call: Incoming) -> None:
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
                with pytest.raises(NotReached):
                    await call.answer()
            case "wait":
                await call.hung_up.wait()
                with pytest.raises(NotReached):
                    await call.answer()
            case "fail":
                raise ValueError("a bug in the carrier")


def world(does: str = "answer") -> World:
    made = World(lambda: RealTime(SPEED))
    made.add(Side(does))
    return made


async def test_a_call_that_is_answered() -> None:
    events: list[CallEvent] = []
    made = world()
    outcome = await made.call(PERSON, NUMBER, Listener(), on_event=events.append)
    assert (outcome.carrier, outcome.call_id, outcome.answered, outcome.ended_by) == ("bell", "B1", True, "network")
    assert outcome.legs is not None and outcome.legs.duration_ms >= 100
    assert events == [CallEvent("ringing", "bell", "B1"), CallEvent("answered", "bell", "B1")]
    assert [passed.state for passed in made.journal] == ["ended"]


async def test_a_call_that_is_refused_or_given_up() -> None:
    events: list[CallEvent] = []
    outcome = await world("refuse").call(PERSON, NUMBER, Listener(), on_event=events.append)
    assert (outcome.answered, outcome.reason, outcome.legs) == (False, "busy", None)
    assert [event.event for event in events] == ["ringing", "refused"]
    made = world("wait")
    outcome = await made.call(PERSON, NUMBER, Listener(), patience_s=0.01)
    assert (outcome.reason, made.journal[0].state) == ("cancelled", "cancelled")
    hung_up = asyncio.Event()
    hung_up.set()
    assert (await world("wait").call(PERSON, NUMBER, Listener(), hung_up=hung_up)).reason == "cancelled"
    assert (await world().call(PERSON, "+1", Listener())).reason == "unknown_number"
    with pytest.raises(ValueError, match="a bug"):
        await world("fail").call(PERSON, NUMBER, Listener())


async def test_phones_out_there() -> None:
    made = world()
    rang: list[str] = []
    with pytest.raises(NotReached, match="unknown_number"):
        await made.reach(NUMBER, PERSON)
    for behaviour, reason in (("busy", "busy"), ("reject", "rejected"), ("no_answer", "no_answer")):
        made.subscribers[PERSON] = Subscriber(behaviour, ring_s=0.01)  # type: ignore[arg-type]
        with pytest.raises(NotReached, match=reason):
            await made.reach(NUMBER, PERSON, timeout_s=0.05, ringing=lambda: rang.append("ring"))
    assert rang == ["ring", "ring"]
    made.default = Subscriber("machine", ring_s=0.0, greeting_s=1.0)
    reached = await made.reach(NUMBER, "+1")
    assert (reached.machine, reached.greeting_s) == (True, 1.0)
    reached.line.hang_up()
    await reached.line.closed()
    assert [passed.state for passed in made.journal][-1] == "ended"


def test_a_number_belongs_to_one_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "numbers.json"
    inventory = Inventory(path)
    owned = Owned("bell", NUMBER, "PN1", {"VoiceUrl": "http://a"})
    inventory.add(owned)
    with pytest.raises(Taken):
        inventory.add(Owned("other", NUMBER, "PN2"))
    inventory.change(owned, {"Name": "x"})
    again = Inventory(path)
    assert again.of("bell") == [Owned("bell", NUMBER, "PN1", {"VoiceUrl": "http://a", "Name": "x"})]
    assert (again.by_id("bell", "PN1"), again.by_id("other", "PN1"), again.of("other")) == (again.get(NUMBER), None, [])
    again.remove(NUMBER)
    again.remove(NUMBER)
    assert Inventory(path).get(NUMBER) is None
    path.write_text("{")
    with pytest.raises(ValueError, match=r"numbers\.json"):
        Inventory(path)
    path.write_text('[{"number": 1}]')
    with pytest.raises(ValueError, match=r"numbers\.json"):
        Inventory(path)


def test_the_market_is_the_same_each_time() -> None:
    first = [sale.phone_number for sale in islice(for_sale("US", "local"), 20_000)]
    assert first == [sale.phone_number for sale in islice(for_sale("US", "local"), 20_000)]
    assert len(set(first)) == 20_000
    assert next(for_sale("US", "local", "907")).phone_number == "+19075550000"
    assert next(for_sale("GB", "local", "161")).phone_number == "+441614960000"
    assert next(for_sale("DE", "local")).phone_number == "+493023125000"
    assert (
        list(for_sale("FR", "local"))
        == list(for_sale("US", "mobile"))
        == list(for_sale("US", "toll_free", "415"))
        == []
    )
