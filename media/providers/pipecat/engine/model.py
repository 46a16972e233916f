"""A session with a pipecat language model."""

from typing import Any, Final

import msgspec
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    Frame,
    FunctionCallsStartedFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMThoughtTextFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallParams

from media.providers.pipecat.engine.session import Send
from media.providers.pipecat.wire import (
    ChatTurn,
    ReplyEnd,
    ReplyText,
    ReplyTokens,
    ReplyToolCall,
    SessionInput,
)

# The result of all tools, which run in the media server: pipecat does not need their results.
NO_RESULT: Final = ""


class ModelSession:
    """Converts a request to a context, and the service's frames to a reply."""

    def __init__(self, service: Any, send: Send) -> None:
        self._send = send
        service.register_function(None, _ignore_call)

    async def prepare(self) -> None:
        """Do nothing."""

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """Return the frames for a message."""
        if not isinstance(message, ChatTurn):
            return []
        tools = [_function(tool["function"]) for tool in message.tools]
        messages: list[Any] = list(message.messages)
        context = LLMContext(messages, tools=ToolsSchema(standard_tools=tools)) if tools else LLMContext(messages)
        return [LLMContextFrame(context)]

    def on_frame(self, frame: Frame) -> None:
        """Report the content of a frame from the service."""
        if isinstance(frame, LLMTextFrame):
            self._send(ReplyText(frame.text))
        elif isinstance(frame, LLMThoughtTextFrame):
            self._send(ReplyText(""))
        elif isinstance(frame, FunctionCallsStartedFrame):
            for call in frame.function_calls:
                arguments = msgspec.json.encode(dict(call.arguments)).decode()
                self._send(ReplyToolCall(call.tool_call_id, call.function_name, arguments))
        elif isinstance(frame, MetricsFrame):
            for data in frame.data:
                if isinstance(data, LLMUsageMetricsData):
                    self._send(make_tokens(data.value))
        elif isinstance(frame, LLMFullResponseEndFrame):
            self._send(ReplyEnd())

    def close(self) -> None:
        """Do nothing."""


def make_tokens(usage: LLMTokenUsage) -> ReplyTokens:
    """Return the token usage of a reply.

    pipecat's count of prompt tokens includes the cached ones for some vendors only, but the total always includes them
    (documentation of LLMTokenUsage).
    """
    prompt = max(usage.prompt_tokens, usage.total_tokens - usage.completion_tokens)
    cached = min(usage.cache_read_input_tokens or 0, prompt)
    return ReplyTokens(prompt - cached, usage.completion_tokens, cached)


def _function(tool: dict[str, Any]) -> FunctionSchema:
    schema = tool["parameters"]
    return FunctionSchema(
        name=tool["name"],
        description=tool["description"],
        properties=schema.get("properties", {}),
        required=list(schema.get("required", [])),
    )


async def _ignore_call(params: FunctionCallParams) -> None:
    await params.result_callback(NO_RESULT)
