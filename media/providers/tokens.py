"""An estimate of a request's tokens, for streams that end before the provider has counted them."""

from media.providers.ports import Ask, TokenUsage

# English text averages about four characters a token; each message costs a few more for its role.
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def estimate(ask: Ask, reply: str) -> TokenUsage:
    """What the request and the part of the reply that came are likely to have cost; marked as estimated."""
    texts = [message.text + "".join(call.arguments for call in message.tool_calls) for message in ask.messages]
    tools = sum(len(tool.name) + len(tool.description) + len(str(tool.parameters)) for tool in ask.tools)
    characters = len(ask.system) + tools + sum(map(len, texts))
    prompt = _tokens(characters) + TOKENS_PER_MESSAGE * (len(texts) + bool(ask.system))
    return TokenUsage(prompt, _tokens(len(reply)), estimated=True)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
