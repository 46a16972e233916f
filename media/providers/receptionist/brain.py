"""The receptionist behind the Think port: rebuilds the conversation and answers its last turn. No language model."""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import msgspec

from media.providers.ports import GO_ON, Ask, Message, ThinkEvent, TokenUsage, ToolCall, ToolSpec, Words
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue import Dialogue, Knowledge
from media.providers.receptionist.state import Asks, Reply, State

NAME: Final = "receptionist"
# Older messages make no difference to the next answer.
MOST_MESSAGES: Final = 40
# Prompts whose facts are kept ready, the latest ones.
MOST_PROMPTS: Final = 64

_FAILED: Final = re.compile(
    r"\b(?:fail|error|busy|no answer|not|unavailable|unable|couldn't|can't|too long|no result)", re.I
)


class Receptionist:
    """Stateless between calls, so that a resumed call works and one instance serves all calls of a process."""

    name = NAME

    def __init__(self) -> None:
        self._prompts: OrderedDict[str, Knowledge] = OrderedDict()

    async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        """Words one by one, without delay; then the tool call, if any. Uses no tokens. Never fails, never empty."""
        reply = self.reply(ask)
        for word in re.findall(r"\S+\s*", reply.text):
            yield Words(word)
        spec = next((tool for tool in ask.tools if tool.name == reply.tool), None)
        if spec:
            yield ToolCall(f"call_{len(ask.messages)}", spec.name, _arguments(spec, ask.messages))
        yield TokenUsage(0, 0)

    def reply(self, ask: Ask) -> Reply:
        """The whole answer to the conversation."""
        messages = _without_continuation(ask.messages)[-MOST_MESSAGES:]
        dialogue = Dialogue(self._knowledge(ask.system), {tool.name for tool in ask.tools})
        if reply := _after_tool(messages):
            return reply
        state, answer = State(), dialogue.greet()
        for heard, said in _turns(messages):
            state, answer = dialogue.step(state, heard, said)
        waits = messages and messages[-1].role == "assistant"
        return Reply(phrases.HELP) if waits else answer

    def _knowledge(self, prompt: str) -> Knowledge:
        knowledge = self._prompts.pop(prompt, None) or Knowledge.of(prompt)
        self._prompts[prompt] = knowledge
        if len(self._prompts) > MOST_PROMPTS:
            self._prompts.popitem(last=False)
        return knowledge


def _without_continuation(messages: Sequence[Message]) -> Sequence[Message]:
    """When another model began the answer, it is answered as if it had not: the chain drops what is said twice."""
    if len(messages) >= 2 and messages[-1].role == "user" and messages[-1].text == GO_ON:
        return messages[:-2]
    return messages


def _turns(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """What was heard, and what the caller then said; user messages in a row are one turn."""
    heard: list[str] = []
    said: list[str] = []
    for message in messages:
        if message.role == "user":
            said.append(message.text)
        elif message.role == "assistant":
            if said:
                yield " ".join(heard), " ".join(said)
                heard, said = [], []
            heard.append(message.text)
    if said:
        yield " ".join(heard), " ".join(said)


def _after_tool(messages: Sequence[Message]) -> Reply | None:
    """What is said once a tool has answered. After `end_call` nothing is asked any more, unless the caller went on
    speaking: then that turn is answered anew."""
    if not messages or messages[-1].role != "tool":
        return None
    result = messages[-1]
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    name = names.get(result.tool_call_id, "")
    if name == "end_call":
        return None
    if name == "transfer":
        failed = _FAILED.search(result.text)
        return Reply(phrases.NOBODY_ANSWERED, Asks.MESSAGE) if failed else Reply(phrases.TRANSFERRING)
    return Reply(f"Thank you. {phrases.ELSE}", Asks.ELSE)


def _arguments(spec: ToolSpec, messages: Sequence[Message]) -> str:
    """Whatever the tool asks for in words (a reason, a summary) is what the caller said last."""
    properties: dict[str, Any] = dict(spec.parameters.get("properties", {}))
    said = next((message.text for message in reversed(messages) if message.role == "user"), "")
    wanted = ("reason", "summary", "message", "text")
    return msgspec.json.encode({name: said for name in properties if name in wanted}).decode()
