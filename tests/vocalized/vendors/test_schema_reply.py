"""Simulated models answer what the analysis of calls asks."""

from typing import Any
from uuid import UUID

from control.agents.config_parts import AnalysisConfig
from control.calls.analysis.questions import make_messages, make_schema, read_answer
from control.calls.analysis.rules import AnalysedTranscript, AnalysisTask, CallFindings
from control.calls.records.details import NO_RECORD
from shared.ids import new_id
from vocalized.vendors.rule_model import answer_by_rules


def test_an_analysis_gets_a_valid_answer() -> None:
    names = {"type": "array", "items": {"type": "string"}}
    extraction = {"type": "object", "properties": {"day": {"type": "string"}, "names": names}, "required": ["names"]}
    said = [{"speaker": "agent", "text": "Hello."}, {"speaker": "caller", "text": "Are you open?"}]
    task = AnalysisTask(
        call_id=UUID(new_id()),
        workspace_id=UUID(new_id()),
        agent_id=None,
        transcript=AnalysedTranscript(said, ""),
        config=AnalysisConfig(success_criterion="The hours were told", extraction=extraction),
        language="en",
        models=(),
        record=NO_RECORD,
    )
    schema = make_schema(task)
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    reply = answer_by_rules({"messages": make_messages(task, schema), "response_format": form})
    extracted: dict[str, Any] = {"day": None, "names": []}
    words = "Are you open?"
    assert read_answer(reply.text, task, schema) == CallFindings(words, "neutral", 0.0, None, words, extracted)
