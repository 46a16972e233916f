"""Messages that are left at answering machines, over both simulated carriers."""

import asyncio

import pytest

from lab.scenarios.tools.voicemail import find_message_faults, leave_message
from lab.scenarios.transfers.transfer_calls import CARRIERS
from lab.stage.platform import Platform
from lab.stage.speech_services import running_speech
from vocalized.caller.local_speech import load_recognizer

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_the_message_is_left_whole_after_the_beep(platform: Platform) -> None:
    async with running_speech(platform):
        calls = await asyncio.gather(*(leave_message(platform, carrier) for carrier in CARRIERS))
    recognize = await asyncio.to_thread(load_recognizer)
    for call in calls:
        assert await asyncio.to_thread(find_message_faults, call, recognize) == []
