"""A process that runs test cases: the models are loaded once, then its way to the network is closed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from control.agent_tests.rules import REPORT, SCRIPT, CaseReport
from media.audio import mulaw
from media.audio.wav import interleave
from media.providers.local.recognizer import Recognizer
from media.providers.local.stt import LocalSpeechToText
from media.providers.local.tts import LocalTextToSpeech
from media.providers.local.voice import Voice
from media.providers.receptionist.llm import ReceptionistLanguageModel
from media.turn.completeness import load_completeness_model
from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine
from shared.language_codes import base_language
from shared.plan import CallPlan
from vocalized.agent_tests.egress import close_egress
from vocalized.agent_tests.run_case import CaseVendors, run_case
from vocalized.agent_tests.speech import InProcessSpeech, make_sounds

NOT_ENGLISH = "The local recognizer and voice know English only; the agent speaks {language}."


@dataclass(frozen=True, slots=True)
class CaseJob:
    """A case to run.

    Attributes:
        test_case, call_plan: As the API answers them.
        recording: The source call's recording; None if there is none.
    """

    test_case: dict[str, Any]
    call_plan: dict[str, Any]
    at: str
    recording: bytes | None


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What a case gave.

    Attributes:
        report: As the API takes it.
        pcm: Both sides of the call, 16-bit stereo at 8 kHz, caller left; empty if it was not run.
    """

    report: dict[str, Any]
    pcm: bytes


_state: dict[str, tuple[InProcessSpeech, CaseVendors]] = {}


def start_worker() -> None:
    """Loads the models. From then on, this process reaches neither the network nor other programs. Raises
    SpeechModelError."""
    speech = InProcessSpeech(Recognizer(), Voice())
    _state["vendors"] = (
        speech,
        CaseVendors(
            LocalSpeechToText(speech),
            ReceptionistLanguageModel(),
            LocalTextToSpeech(speech),
            VadEngine(SILERO),
            load_completeness_model(),
        ),
    )
    close_egress()


def run_job(job: CaseJob) -> CaseOutcome:
    """Runs a case. Its report has an error if it cannot be run."""
    speech, vendors = _state["vendors"]
    script = SCRIPT.validate_python(job.test_case["script"])
    plan = msgspec.convert(job.call_plan, CallPlan)
    if base_language(plan.agent.language) != "en":
        return _failed(NOT_ENGLISH.format(language=plan.agent.language))
    try:
        run = run_case(
            script, plan, make_sounds(script, job.recording, speech), vendors, datetime.fromisoformat(job.at)
        )
    except Exception as error:  # noqa: BLE001  # a case that cannot be run must not end the others
        return _failed(f"{type(error).__name__}: {error}"[:2_000])
    length = max(len(run.caller), len(run.agent))
    left, right = (mulaw.decode(side.ljust(length, mulaw.SILENCE)) for side in (run.caller, run.agent))
    return CaseOutcome(REPORT.dump_python(run.report, mode="json"), interleave(left, right))


def _failed(error: str) -> CaseOutcome:
    return CaseOutcome(REPORT.dump_python(CaseReport(error=error), mode="json"), b"")
