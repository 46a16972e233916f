"""Twilio's gateway ends a transfer in the simulated network: the caller hears a sentence, the other leg ends."""

import asyncio

import pytest

from control.carriers.rules import CarrierRefused
from control.carriers.twilio import open_twilio
from control.carriers.twilio_forms import TwilioOptions
from simulator.carrier.network.passive_party import PassiveParty
from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    add_own_number,
    answering_phone,
    running_twilio_network,
)

COLLEAGUE = "+12125550777"
WORDS = "Sorry, this call has to end now."


async def test_the_caller_of_a_transfer_hears_the_words_and_both_legs_end() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.phone_network.subscribers[COLLEAGUE] = answering_phone()
        add_own_number(net, customer)
        dial = f'<Dial action="/dialled"><Number statusCallback="{customer.url}/leg"'
        customer.documents["/voice"] = [
            f'<Response>{dial} statusCallbackEvent="answered completed">{COLLEAGUE}</Number></Dial></Response>'
        ]
        options = TwilioOptions("https://hooks.example.com", ACCOUNT, TOKEN, net.url, LIMIT_S)
        async with asyncio.timeout(LIMIT_S), open_twilio(options) as gateway:
            calling = asyncio.create_task(net.phone_network.call(PERSON, NUMBER, PassiveParty(longest_s=600.0)))
            await customer.wait_until(lambda: customer.fields_of("/leg"))
            caller, leg = net.carrier.calls.calls.values()
            await gateway.speak_last_words(caller.sid, WORDS, "en", "ignored")
            outcome = await calling
            await customer.wait_until(lambda: len(customer.fields_of("/leg")) == 2)
            assert (outcome.ended_by, caller.status, leg.status) == ("network", "completed", "completed")
            assert leg.ended is not None and caller.ended is not None and leg.ended < caller.ended, (
                "first the leg, then the words"
            )
            assert customer.fields_of("/dialled") == []
            with pytest.raises(CarrierRefused) as refused:
                await gateway.speak_last_words(caller.sid, WORDS, "en", "ignored")
            assert refused.value.call_ended
