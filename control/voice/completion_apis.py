"""The vendors of language models that control can ask itself."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from control.voice.anthropic_chat import AnthropicChat
from control.voice.chat_question import CompletionApi
from control.voice.gemini_chat import GeminiChat
from control.voice.openai_chat import OpenAiChat

# By vendor: from a provider's options and its key. Models of pipecat's services run in media only.
COMPLETION_APIS: Final[Mapping[str, Callable[[Mapping[str, Any], str], CompletionApi]]] = {
    "openai": OpenAiChat,
    "anthropic": AnthropicChat,
    "google": GeminiChat,
}
