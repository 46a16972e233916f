"""The receptionist as a LanguageModel, which rebuilds the dialogue from the conversation and answers its last turn."""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from media.providers.ports import (
    CONTINUE_PROMPT,
    NOT_ENDED_RESULT,
    TOOL_ENDED_PROMPT,
    ChatRequest,
    LanguageModelEvent,
    Message,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue import TAKE_MESSAGE, Dialogue, PromptKnowledge
from media.providers.receptionist.dialogue_state import DialogueState, Question, ReceptionistReply
from media.providers.receptionist.free_times import CHECK_AVAILABILITY
from media.providers.receptionist.quotation import SEARCH_KNOWLEDGE

# Older messages do not change the next reply.
MAX_MESSAGES: Final = 40
# The maximum number of prompts whose facts are cached. The least recently used prompt is removed first.
MAX_PROMPTS: Final = 64

_FAILED: Final = re.compile(
    r"\b(?:fail|error|busy|no answer|no such|not|unavailable|unable|couldn't|can't|too long|no result|invalid|at most)",
    re.I,
)


class ReceptionistLanguageModel:
    """A receptionist without state, so that a resumed call works and one instance serves all calls of a process."""

    is_last_resort: Final = True

    def __init__(self, name: str = "receptionist") -> None:
        self.name = name
        self._prompts: OrderedDict[str, PromptKnowledge] = OrderedDict()

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Stream the words without delay, and then the tool call, if there is one. Uses no tokens, never fails, and is
        never empty."""
        for event in self.events(request):
            yield event

    def events(self, request: ChatRequest) -> Iterator[LanguageModelEvent]:
        """Yield the events of `stream`."""
        yield TokenUsage(0, 0)  # first, so that no tokens are estimated for an interrupted reply
        reply = self.reply(request)
        for word in re.findall(r"\S+\s*", reply.text):
            yield TextDelta(word)
        spec = next((tool for tool in request.tools if tool.name == reply.tool), None)
        if spec:
            yield ToolCall(
                f"call_{len(request.messages)}", spec.name, _arguments(spec, request.messages, reply.arguments)
            )

    def reply(self, request: ChatRequest) -> ReceptionistReply:
        """Return the whole reply to the conversation."""
        messages = _without_continuation(request.messages)[-MAX_MESSAGES:]
        dialogue = Dialogue(self._knowledge(request.system), {tool.name for tool in request.tools})
        if reply := _after_tool(messages, dialogue):
            return reply
        state, answer = DialogueState(), dialogue.greeting()
        for heard, said in _turns(messages):
            state, answer = dialogue.step(state, heard, said)
        caller_is_silent = messages and messages[-1].role == "assistant"
        return ReceptionistReply(phrases.HELP) if caller_is_silent else answer

    def _knowledge(self, prompt: str) -> PromptKnowledge:
        knowledge = self._prompts.pop(prompt, None) or PromptKnowledge.from_prompt(prompt)
        self._prompts[prompt] = knowledge
        if len(self._prompts) > MAX_PROMPTS:
            self._prompts.popitem(last=False)
        return knowledge


def _without_continuation(messages: Sequence[Message]) -> Sequence[Message]:
    """Remove two requests that this program cannot answer.

    After the request to continue another model's reply, the chain drops the repeated part of the reply. The request to
    report a tool's result has no equivalent here.
    """
    if messages and messages[-1].role == "user" and messages[-1].text == TOOL_ENDED_PROMPT:
        return messages[:-1]
    if len(messages) >= 2 and messages[-1].role == "user" and messages[-1].text == CONTINUE_PROMPT:
        return messages[:-2]
    return messages


def _turns(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """Yield (text heard by the caller, caller's next text). Consecutive user messages are one turn."""
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


def _after_tool(messages: Sequence[Message], dialogue: Dialogue) -> ReceptionistReply | None:
    """Return the reply after a tool's result.

    Returns None after `end_call`, because only a further turn of the caller is answered, and after a tool that was not
    executed, because the caller's last turn is answered again.
    """
    if not messages or messages[-1].role != "tool" or messages[-1].text == NOT_ENDED_RESULT:
        return None
    result = messages[-1]
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    name = names.get(result.tool_call_id, "")
    if name == "end_call":
        return None
    if name == "transfer":
        failed = _FAILED.search(result.text)
        return (
            ReceptionistReply(phrases.NOBODY_ANSWERED, Question.MESSAGE)
            if failed
            else ReceptionistReply(phrases.TRANSFERRING)
        )
    if name == TAKE_MESSAGE:
        failed = _FAILED.search(result.text)
        return (
            ReceptionistReply(phrases.NOT_NOTED, Question.ELSE)
            if failed
            else dialogue.message_taken(_last_said(messages))
        )
    if name == SEARCH_KNOWLEDGE:
        return dialogue.knowledge_found(_last_said(messages), result.text)
    if name == CHECK_AVAILABILITY:
        return dialogue.free_times_found(result.text)
    return ReceptionistReply(f"Thank you. {phrases.ELSE}", Question.ELSE)


def _last_said(messages: Sequence[Message]) -> str:
    return next((message.text for message in reversed(messages) if message.role == "user" and message.text), "")


def _arguments(spec: ToolSpec, messages: Sequence[Message], noted: Mapping[str, str]) -> str:
    """Return the tool's text arguments: the confirmed data, or else the caller's last words (as a reason or
    summary)."""
    if noted:
        return msgspec.json.encode(noted).decode()
    properties: dict[str, Any] = dict(spec.parameters.get("properties", {}))
    said = _last_said(messages)
    wanted = ("reason", "summary", "message", "text")
    return msgspec.json.encode({name: said for name in properties if name in wanted}).decode()
