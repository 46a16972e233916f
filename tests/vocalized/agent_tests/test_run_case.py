"""Whole test calls: local speech, the rule-based receptionist, and a scripted caller."""

import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from control.agent_tests.rules import Assertion, CaseScript, ScriptedTurn
from media.providers.local.recognizer import Recognizer
from media.providers.local.stt import LocalSpeechToText
from media.providers.local.tts import LocalTextToSpeech
from media.providers.local.voice import Voice
from media.providers.receptionist.llm import ReceptionistLanguageModel
from media.turn.completeness import load_completeness_model
from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine
from shared.plan import AgentPlan, CallPlan, ProviderPlan
from vocalized.agent_tests.egress import REFUSED
from vocalized.agent_tests.run_case import CaseRun, CaseVendors, run_case
from vocalized.agent_tests.speech import InProcessSpeech, make_sounds

pytestmark = pytest.mark.speech
AT = datetime(2026, 12, 3, 10, 0, tzinfo=UTC)
PROMPT = "We are Riverside Dental. A check-up costs $89. We are open Monday to Friday from 9 AM to 5 PM."
SCRIPT = CaseScript(
    turns=[
        ScriptedTurn(text="How much does a check-up cost?", reacts_to="How can I help you?", pause_ms=600),
        ScriptedTurn(text="And when are you open on Monday?", reacts_to="A check-up costs $89.", pause_ms=700),
    ],
    assertions=[
        Assertion(kind="says", value="$89"),
        Assertion(kind="never_transfers"),
        Assertion(kind="answers_within", most_ms=2_000),
        Assertion(kind="silence_within", most_ms=8_000),
        Assertion(kind="never_cuts_off"),
    ],
)


@cache
def make_speech() -> InProcessSpeech:
    return InProcessSpeech(Recognizer(), Voice())


def make_plan(prompt: str = PROMPT) -> CallPlan:
    agent = AgentPlan(greeting="Riverside Dental, how can I help you?", prompt=prompt)
    providers: dict[str, Any] = {kind: [ProviderPlan("test")] for kind in ("stt", "llm", "tts")}
    return CallPlan(agent=agent, **providers)


def run(script: CaseScript = SCRIPT, plan: CallPlan | None = None) -> CaseRun:
    speech = make_speech()
    vendors = CaseVendors(
        LocalSpeechToText(speech),
        ReceptionistLanguageModel(),
        LocalTextToSpeech(speech),
        VadEngine(SILERO),
        load_completeness_model(),
    )
    return run_case(script, plan or make_plan(), make_sounds(script, None, speech), vendors, AT)


def test_a_good_version_passes_and_every_run_gives_the_same() -> None:
    first = run()
    failed = [verdict for verdict in first.report.verdicts if not verdict.passed]
    assert not failed, (failed, first.report.utterances)
    assert [utterance.speaker for utterance in first.report.utterances] == [
        "agent", "caller", "agent", "caller", "agent",
    ]  # fmt: skip
    assert first.report.end_reason == "caller_hangup"
    assert run() == first
    assert len(first.caller) // 8 >= first.report.duration_ms - 40


def test_a_wrong_price_in_the_prompt_fails_the_case() -> None:
    report = run(plan=make_plan(PROMPT.replace("$89", "$98"))).report
    assert [verdict.check for verdict in report.verdicts if not verdict.passed] == ["says $89"]


def test_a_harmless_change_passes() -> None:
    plan = make_plan("You are friendly. " + PROMPT.replace("costs $89", "is $89, all included"))
    assert all(verdict.passed for verdict in run(plan=plan).report.verdicts)


def test_an_interruption_begins_at_the_agents_word() -> None:
    turns = [*SCRIPT.turns[:1], ScriptedTurn(text="When are you open?", reacts_to="x", interrupts_after_words=3)]
    script = CaseScript(turns=turns, assertions=[Assertion(kind="yields_within", most_ms=1_500)])
    found = run(script)
    said = [utterance for utterance in found.report.utterances if utterance.speaker == "agent"]
    assert [verdict.passed for verdict in found.report.verdicts] == [True], found.report
    assert 2 <= len(said[1].text.split()) <= 7, said[1]


def test_a_run_opens_no_socket_and_starts_no_program() -> None:
    attempts: list[str] = []
    is_watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if is_watching and event in REFUSED:
            attempts.append(event)

    make_speech()
    sys.addaudithook(watch)
    try:
        run()
    finally:
        is_watching = False
    assert attempts == []
