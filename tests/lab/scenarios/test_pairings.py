"""Calls with recognizers, models and voices of different vendors, and models with tools, on one media node."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.scenarios.failover.cell_result import CellResult
from lab.scenarios.failover.cells import Cell
from lab.scenarios.failover.recording import WordErrors
from lab.scenarios.pairings.control_tools import CallWithTools, ControlTools
from lab.scenarios.pairings.model_calls import MODELS, STT, TTS, ModelCall, find_call_faults, run_model_call
from lab.scenarios.pairings.platform import running_pairing_platform
from lab.scenarios.pairings.speech_pairings import SAMPLE, Pairing, all_pairings, find_fault, run_pairings
from lab.stage.vendor_accounts import list_providers
from shared.bus.requests import MediaRequest
from shared.events import ProviderFailed

ROOT = Path(__file__).parents[3]
# Those whose wire is not OpenAI's.
SAMPLED_MODELS = ("anthropic", "google")


@dataclass(frozen=True)
class SampledCalls:
    """What all calls left, which ran at once."""

    pairings: dict[Pairing, CellResult]
    models: Sequence[ModelCall]


@pytest.fixture(scope="module")
def calls(services_state: Path) -> SampledCalls:
    folder = services_state / "pairings"
    folder.mkdir()

    async def run() -> SampledCalls:
        async with running_pairing_platform(ROOT, folder) as platform:
            models = asyncio.gather(*(run_model_call(platform, model) for model in SAMPLED_MODELS))
            return SampledCalls(await run_pairings(platform.calls, SAMPLE), await models)

    return asyncio.run(run())


def test_a_sample_of_pairings_hears_and_says_every_word(calls: SampledCalls) -> None:
    assert {one.text: find_fault(result) for one, result in calls.pairings.items()} == dict.fromkeys(
        (one.text for one in SAMPLE), ""
    )


def test_models_call_tools_use_their_results_and_go_on_at_a_barge_in(calls: SampledCalls) -> None:
    assert {call.model: find_call_faults(call) for call in calls.models} == {name: [] for name in SAMPLED_MODELS}


def test_the_sample_has_no_provider_twice_at_once() -> None:
    used = Counter(name for one in SAMPLE for name in (one.stt, one.llm, one.tts))
    assert max(used.values()) == 1
    assert not set(used) & {*SAMPLED_MODELS, STT, TTS}


def test_all_pairings_are_each_recognizer_with_each_voice() -> None:
    pairings = list(all_pairings())
    assert {(pairing.stt, pairing.tts) for pairing in pairings} == {
        (stt, tts) for stt in list_providers("stt") for tts in list_providers("tts")
    }
    assert {pairing.llm for pairing in pairings} == set(MODELS)


async def test_control_refuses_unknown_calls_and_ends_a_slow_tool_in_time() -> None:
    tools = ControlTools({"a": CallWithTools()})
    request = MediaRequest("r", "node", "tool.ask_kitchen", "a", "", "", 0)
    late = await tools.answer(request, 0.01)
    assert (late.code, tools.calls["a"].is_slow_running) == ("timed_out", True)
    assert (await tools.answer(MediaRequest("r", "node", "tool.tell_weather", "b", "", "", 0), 1.0)).code == "not_found"


def test_call_that_differs_has_faults() -> None:
    """A call without events, sound and runs lacks all that is demanded."""
    faults = find_call_faults(ModelCall("a-model", said=["and so"], turns_ms=[0.0], agent=b"\xff" * 1_600))
    assert [fault.split()[0] for fault in faults] == ["control", "heard:", "recorded", "recorded", "nothing"]


def test_a_pairing_without_a_judged_call_or_with_a_failure_has_a_fault() -> None:
    cell = Cell("a pairing", ())
    assert find_fault(CellResult(cell)) == "the call left nothing to judge"
    assert find_fault(CellResult(cell, fault="TimeoutError: ")) == "TimeoutError: "
    failed = ProviderFailed("stt", "chirp", "broke", stage="connect", cause="cut")
    for result in (CellResult(cell, failures=[failed], fault="x"), CellResult(cell, early=[failed], fault="x")):
        assert find_fault(result) == "x; chirp: broke"
    lost = CellResult(cell, understood=WordErrors(lost=("seven",)), fault="x")
    assert find_fault(lost).startswith("x; words of") and "seven" in find_fault(lost)
