"""An estimate of a request's tokens, for streams that end before the provider has counted them."""

from media.providers.ports import ChatRequest, Message, TokenUsage

# English text averages about four characters a token; each message costs a few more for its role.
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def estimate_tokens(request: ChatRequest, reply: str) -> TokenUsage:
    """Estimates the tokens of the request and of the part of the reply that was received."""
    texts = [_text(message) for message in request.messages]
    tools = sum(len(tool.name) + len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
    characters = len(request.system) + len(request.call_note) + tools + sum(map(len, texts))
    prompt = _tokens(characters) + TOKENS_PER_MESSAGE * (len(texts) + bool(request.system))
    return TokenUsage(prompt, _tokens(len(reply)), estimated=True)


def _text(message: Message) -> str:
    return message.note + message.text + "".join(call.arguments for call in message.tool_calls)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
