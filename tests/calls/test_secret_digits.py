"""Keys that a tool collects are in no recording, event or checkpoint of the call; the model gets them."""

from pathlib import Path

import numpy as np

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.call.transcript import SECRET_RESULT
from media.providers.ports import ToolCall
from shared.events import DigitPressed, ToolRan, encode_event
from tests.calls.scripted_call import ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

COLLECT = ToolCall("1", "collect_digits", '{"max_digits": 4}')
KEYS = "4711"
TONE = mulaw.encode(np.full(160, 8_000, dtype="<i2").tobytes())


async def call_with_keys(writer: RecordingWriter) -> tuple[ScriptedCall, float, float]:
    """The call, and when the keys were pressed, in ms."""
    scripted = ScriptedCall(
        greeting="Hello.", answers=[[COLLECT], "Thank you."], tools=("collect_digits",), recorder=writer
    )
    await scripted.listen_until_quiet()
    await scripted.say("I want to pay.", 600)
    await scripted.silence(2_000)
    began = scripted.call.elapsed_ms
    for key in KEYS:
        scripted.call.on_digit(key)
        for _ in range(5):
            await scripted.pause(20, in_timestamps=False)
            scripted.hear(TONE)
    ended = scripted.call.elapsed_ms
    await scripted.listen_until_quiet()
    await scripted.say("Anything else?", 600)
    return scripted, began, ended


def test_collected_keys_are_given_only_to_the_model(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    async def run() -> None:
        scripted, began, ended = await call_with_keys(writer)
        messages = scripted.call.snapshot().messages
        assert [message.text for message in messages if message.role == "tool"] == [SECRET_RESULT]
        assert any(KEYS in message.text for ask in scripted.model.requests for message in ask.messages)
        await scripted.hang_up()
        assert [one.digit for one in scripted.events_of(DigitPressed)] == [""] * 4
        assert [one.result for one in scripted.events_of(ToolRan)] == [""]
        assert not any(KEYS.encode() in encode_event(envelope) for envelope in scripted.events.envelopes)
        samples = read_wav(writer.path.read_bytes()).samples
        assert not np.abs(samples[round(began * 8) : round(ended * 8)]).max() > 0.01
        assert np.abs(samples[: round(began * 8)]).max() > 0.01, "the rest is recorded"

    run_virtual(run())
