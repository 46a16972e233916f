"""A message that is left after the beep of an answering machine."""

import pytest

from shared.events import AgentSaid
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

MESSAGE = "This is Ada. Please call us back about your appointment."


@pytest.mark.parametrize("noise", [False, True])
def test_the_message_is_said_once_and_whole_and_the_call_ends(noise: bool) -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello this is Ada speaking", voicemail_message=MESSAGE)
        await scripted.wait_until_sounding()
        for _ in range(2):
            scripted.call.end("voicemail", polite=False)
        if noise:
            await scripted.say("please leave your message after the tone", 1_500)
        await scripted.silence(12_000)
        said = [one.text for one in scripted.events_of(AgentSaid)]
        assert said.count(MESSAGE) == 1 and said[-1] == MESSAGE
        ended = await scripted.hang_up()
        assert (ended.status, ended.end_reason) == ("completed", "voicemail")
        assert scripted.model.requests == [], "the machine is not talked with"

    run_virtual(call())


def test_without_a_message_the_call_ends_at_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello this is Ada speaking")
        await scripted.wait_until_sounding()
        scripted.call.end("voicemail", polite=False)
        assert scripted.call.termination.reason == "voicemail"
        assert (await scripted.hang_up()).end_reason == "voicemail"

    run_virtual(call())
