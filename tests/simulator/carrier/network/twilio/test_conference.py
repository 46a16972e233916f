"""`<Gather>` and `<Dial><Conference>`: keys, and two participants who hear each other."""

import asyncio
from dataclasses import replace

import pytest

from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.phone_network import Subscriber
from tests.platform.twilio_network import (
    LIMIT_S,
    NUMBER,
    PERSON,
    Customer,
    add_own_number,
    running_twilio_network,
)
from tests.simulator.carrier.network.twilio.test_dial_verb import COLLEAGUE, run_call
from tests.simulator.carrier.network.twilio.test_outbound import place_call
from tests.simulator.scripted_agent import loud

GATHER = """<Response>
<Gather numDigits="1" timeout="1" action="/keys" actionOnEmptyResult="true"><Say>Press</Say></Gather>
</Response>"""
CONFERENCE = (
    """<Response><Dial action="/dialled"><Conference endConferenceOnExit="true">one</Conference></Dial></Response>"""
)


SPEECH = GATHER.replace("<Gather ", '<Gather input="dtmf speech" ')


class SpeakingParty(PassiveParty):
    """Says a word after half a second."""

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        output = super().tick(at_ms, heard)
        return replace(output, words="Yes.") if at_ms == 500 else output


class KeyParty(PassiveParty):
    """Presses a key after half a second."""

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        output = super().tick(at_ms, heard)
        return replace(output, digits="1") if at_ms == 500 else output


@pytest.mark.parametrize(("party", "keys"), [(KeyParty, "1"), (PassiveParty, "")])
async def test_gather_reports_the_keys(party: type[PassiveParty], keys: str) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        customer.documents["/keys"] = ["<Response><Hangup/></Response>"]
        await run_call(net, customer, GATHER, party())
        (asked,) = customer.fields_of("/keys")
        assert asked["Digits"] == keys


@pytest.mark.parametrize(("document", "said"), [(SPEECH, "Yes."), (GATHER, None)])
async def test_gather_reports_words_where_it_takes_them(document: str, said: str | None) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        customer.documents["/keys"] = ["<Response><Hangup/></Response>"]
        await run_call(net, customer, document, SpeakingParty())
        (asked,) = customer.fields_of("/keys")
        assert asked.get("SpeechResult") == said and ("Digits" in asked) == (said is None)


async def test_participants_of_a_conference_hear_each_other_until_one_leaves() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        for path in ("/voice", "/other"):
            customer.documents[path] = [CONFERENCE]
        customer.documents["/dialled"] = ["<Response><Hangup/></Response>"]
        colleague = PassiveParty(tone(3_000, 500.0), longest_s=3.0)
        net.phone_network.subscribers[COLLEAGUE] = Subscriber(ring_s=0.01, party=lambda: colleague)
        sid = await place_call(net, customer, To=COLLEAGUE, Url=f"{customer.url}/other")
        async with asyncio.timeout(LIMIT_S):
            outcome = await net.phone_network.call(PERSON, NUMBER, PassiveParty(tone(3_000, 700.0), longest_s=9.0))
            await net.webhook_client.drain()
        assert outcome.ended_by == "network" and outcome.audio is not None
        assert loud(bytes(outcome.audio.agent)), "the caller has heard the colleague"
        line = net.carrier.calls.calls[sid].line
        assert line is not None and line.by == "caller" and loud(bytes(line.audio.agent))
        assert customer.fields_of("/dialled")[-1]["DialCallStatus"] == "answered"
