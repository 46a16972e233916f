"""Validation and error messages of chat completions servers, from the vendors' documentation and SDKs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Flavour = Literal["openai", "groq", "openrouter", "azure", "xai"]
_INVALID: Final = "Client specified an invalid argument"

KNOWN_FIELDS: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "seed",
        "stop",
        "n",
        "presence_penalty",
        "frequency_penalty",
        "user",
        "response_format",
        "service_tier",
        "metadata",
        "store",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "verbosity",
        "prompt_cache_key",
        "safety_identifier",
    }
)


@dataclass(eq=False)
class Refusal(Exception):
    """A request that the simulator answers with an error status. Type and code are OpenAI's."""

    status: int
    code: str
    message: str
    type: str = "invalid_request_error"
    param: str | None = None

    def body(self, flavour: Flavour) -> dict[str, Any]:
        """Return the body in this vendor's format."""
        if flavour == "openrouter":
            return {"error": {"code": self.status, "message": self.message}}
        if flavour == "xai":
            return {"code": self.type, "error": self.message}
        if flavour == "azure" and self.status != 400:
            return {"error": {"code": self.code, "message": self.message}}
        fields = {"message": self.message, "type": self.type, "code": self.code}
        return {"error": fields if flavour == "groq" else {**fields, "param": self.param}}


def wrong_key(flavour: Flavour, key: str) -> Refusal:
    """Return the refusal of an unknown key. As at the vendors, the message repeats a part of the key."""
    if flavour == "azure":
        return Refusal(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
    if flavour == "xai":
        text = (
            f"Incorrect API key provided: {key[:2]}***{key[-2:]}. You can obtain an API key from https://console.x.ai."
        )
        return Refusal(400, "", text, type=_INVALID)
    return Refusal(401, "invalid_api_key", f"Incorrect API key provided: {key[:4]}***{key[-4:]}.")


def no_credit(flavour: Flavour) -> Refusal:
    """Return the refusal for an account without credit."""
    if flavour == "openrouter":
        return Refusal(402, "402", "Insufficient credits. Add more to your account.")
    if flavour == "xai":
        text = "Your team has either used all available credits or reached its monthly spending limit."
        return Refusal(429, "", text, type="Some resource has been exhausted")
    return Refusal(429, "insufficient_quota", "You exceeded your current quota.", type="insufficient_quota")


def rate_limited(flavour: Flavour) -> Refusal:
    """Return the refusal for too many requests per minute."""
    if flavour == "xai":
        return Refusal(429, "", "Too many requests for the team.", type="Some resource has been exhausted")
    code = "429" if flavour == "azure" else "rate_limit_exceeded"
    return Refusal(429, code, "Rate limit reached.", type="requests")


def unknown_model(flavour: Flavour, model: str) -> Refusal:
    """Return the refusal for a model that does not exist or that the account lacks."""
    if flavour == "azure":
        return Refusal(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
    if flavour == "openrouter":
        return Refusal(400, "400", f"{model} is not a valid model ID")
    if flavour == "xai":
        text = f"The model {model} does not exist or your team does not have access to it."
        return Refusal(404, "", text, type="Some requested entity was not found")
    return Refusal(404, "model_not_found", f"The model `{model}` does not exist or you do not have access to it.")


def check_body(flavour: Flavour, body: Any, *, fixed_temperature: bool) -> None:
    """Validate a request's body. Raises Refusal with the first fault.

    Args:
        flavour: The vendor.
        body: The decoded JSON body.
        fixed_temperature: Whether the model accepts only temperature 1, and no `max_tokens`.
    """
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refusal(400, "invalid_type", "Invalid type for 'messages'.", param="messages")
    if flavour in ("openai", "azure", "groq"):
        _check_fields(flavour, body)
    if fixed_temperature:
        _check_reasoning(body)
    for index, fault in _message_faults(body["messages"]):
        raise Refusal(400, "", fault, param=f"messages.[{index}].role")


def _check_fields(flavour: Flavour, body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - KNOWN_FIELDS)
    if unknown:
        raise Refusal(400, "unknown_parameter", f"Unknown parameter: '{unknown[0]}'.", param=unknown[0])
    options = body.get("stream_options") or {}
    known = {"include_usage", "include_obfuscation"} if flavour == "openai" else {"include_usage"}
    for name in sorted(set(options) - known):
        param = f"stream_options.{name}"
        raise Refusal(400, "unknown_parameter", f"Unknown parameter: '{param}'.", param=param)


def _check_reasoning(body: Mapping[str, Any]) -> None:
    if body.get("temperature") not in (None, 1):
        message = (
            "Unsupported value: 'temperature' does not support this with this model. Only the default (1) value is."
        )
        raise Refusal(400, "unsupported_value", message, param="temperature")
    if body.get("max_tokens") is not None:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        raise Refusal(400, "unsupported_parameter", message, param="max_tokens")


def _message_faults(messages: list[Any]) -> Iterator[tuple[int, str]]:
    """Yield the faults of messages. Each tool call must be answered before the next message, and each answer needs its
    call.
    """
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield index, "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            open_calls.discard(message.get("tool_call_id"))
        elif open_calls:
            yield index, "An assistant message with 'tool_calls' must be followed by tool messages."
        if role == "assistant":
            open_calls = {call["id"] for call in message.get("tool_calls") or []}
    if open_calls:
        yield len(messages), "An assistant message with 'tool_calls' must be followed by tool messages."
