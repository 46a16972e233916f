"""The simulated model's answers, from requests as media writes them."""

from pathlib import Path
from typing import Any

from media.providers.ports import ChatRequest, Message, ToolCall, ToolSpec
from shared.plan import read_plan
from vendors.openai.wire import make_messages, make_tools
from vocalized.vendors.rule_model import answer_by_rules

PROMPT = read_plan(Path(__file__).parents[3] / "config" / "plans" / "local.json").agent.prompt
END_CALL = ToolSpec("end_call", "Ends the call.", {"type": "object", "properties": {"reason": {"type": "string"}}})


def body(*messages: Message, note: str = "It is Monday.") -> dict[str, Any]:
    request = ChatRequest(PROMPT, messages, [END_CALL], call_note=note)
    return {"messages": make_messages(request), "tools": make_tools(request.tools)}


def test_a_question_is_answered_from_the_prompts_facts() -> None:
    reply = answer_by_rules(body(Message("user", "How much is a filling?", note="The caller pressed 5.")))
    assert "between 150 and 250 dollars" in reply.text
    assert not reply.tools


def test_a_goodbye_ends_the_call_and_its_result_is_understood() -> None:
    said = (Message("assistant", "Hello, how can I help you?"), Message("user", "Okay goodbye."))
    reply = answer_by_rules(body(*said))
    assert [tool.name for tool in reply.tools] == ["end_call"]
    called = Message("assistant", reply.text, tool_calls=(ToolCall("call_1", "end_call", "{}"),))
    after = answer_by_rules(body(*said, called, Message("tool", "ended", tool_call_id="call_1")))
    assert after.text


def test_texts_in_parts_are_read() -> None:
    parts = [{"type": "text", "text": "Where are you"}, {"type": "text", "text": "located?"}]
    reply = answer_by_rules({"messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": parts}]})
    assert "214 Harbor Street" in reply.text
