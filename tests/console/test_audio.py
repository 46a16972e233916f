"""The audio worklets of the console, in Chromium: what they play and take at the rates that browsers choose."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.console.browser import needs_browser, person, running_browser
from tests.platform.api import Api, running_api

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = needs_browser
TONE_HZ, RATE = 440, 8_000
# Loads the worklets as the page does; its modules have an address with a digest.
_PREPARE = """
    const styles = document.querySelector('link[rel=stylesheet]').href;
    const context = new AudioContext({ sampleRate });
    await context.resume();
    for (const name of ['audio/player-worklet.js', 'listener-worklet.js'])
        await context.audioWorklet.addModule(new URL(name, styles));
    const options = { numberOfInputs: 0, outputChannelCount: [1], processorOptions: { rate: 8000 } };
    const player = new AudioWorkletNode(context, 'player', options);
    const marks = [];
    const arrived = (name) => new Promise((resolve) => {
        const look = () => (marks.includes(name) ? resolve() : setTimeout(look, 20));
        look();
    });
    const taken = [];
    const recorder = new AudioWorkletNode(context, 'microphone', { outputChannelCount: [1] });
    recorder.port.onmessage = ({ data }) => taken.push(...data);
    player.connect(recorder).connect(context.destination);
    player.port.onmessage = ({ data }) => data.mark !== undefined && marks.push(data.mark);
    const play = (samples) => player.port.postMessage({ samples: Float32Array.from(samples) });
    const mark = (name) => player.port.postMessage({ mark: name });
"""


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with running_browser() as running:
        yield running


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def run(browser: "Browser", api: Api, script: str, **values: Any) -> Any:
    """Runs a script behind the preparation."""
    async with person(browser, api) as visitor:
        await visitor.page.goto(f"{api.url}/console/sign-in")
        found = await visitor.page.evaluate(
            f"async ({{ sampleRate, tone }}) => {{ {_PREPARE} {script} }}", {"sampleRate": 48_000, "tone": []} | values
        )
        assert visitor.faults == []
        return found


@pytest.mark.parametrize("sample_rate", [16_000, 44_100, 48_000])
async def test_speech_keeps_its_pitch_length_and_level(browser: "Browser", api: Api, sample_rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(RATE) / RATE)
    script = """
        for (let at = 0; at < tone.length; at += 160) play(tone.slice(at, at + 160));
        mark('end');
        await arrived('end');
        // The recorder sends what it has by then in pieces of 40 ms.
        const silent = (samples) => samples.every((sample) => Math.abs(sample) < 0.001);
        while (!silent(taken.slice(-640))) await new Promise((resolve) => setTimeout(resolve, 20));
        return taken;
    """
    taken = np.array(await run(browser, api, script, sampleRate=sample_rate, tone=tone.tolist()))
    sounding = np.flatnonzero(np.abs(taken) > 0.05)
    heard = taken[sounding[0] : sounding[-1] + 1]
    assert len(heard) == pytest.approx(RATE, rel=0.02)
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * RATE / len(heard) == pytest.approx(TONE_HZ, rel=0.01)
    assert np.abs(heard).max() == pytest.approx(0.5, rel=0.1)


async def test_marks_return_in_order_and_at_once_from_an_empty_queue(browser: "Browser", api: Api) -> None:
    script = """
        mark('empty');
        await arrived('empty');
        play(Array(400).fill(0.1));
        mark('first');
        play(Array(800).fill(0.1));
        mark('second');
        await arrived('second');
        return marks;
    """
    assert await run(browser, api, script) == ["empty", "first", "second"]


async def test_clear_drops_what_is_queued_and_returns_its_marks(browser: "Browser", api: Api) -> None:
    """The queue holds ten minutes: nobody could wait for its end."""
    script = """
        for (let i = 0; i < 600; i++) play(Array(8000).fill(0.1));
        mark('dropped');
        player.port.postMessage({ clear: true });
        await arrived('dropped');
        play(Array(400).fill(0.1));
        mark('after');
        await arrived('after');
        return marks;
    """
    assert await run(browser, api, script) == ["dropped", "after"]
