"""What the Gemini API refuses, and how it words it; and a request of it as one of chat completions.

Sources: the google-genai SDK 3.6.1 (`types.py`, `models.py`, `errors.py`); docs/vendors/google.md.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KNOWN_FIELDS: Final = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent"}
)
KNOWN_SETTINGS: Final = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "candidateCount",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
    }
)
# What takes the place of a signature, as it is and in base64, as the field wants it.
NO_SIGNATURES: Final = ("skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")
_STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass(eq=False)
class GeminiRefusal(Exception):
    """An answer other than 200."""

    status: int
    message: str
    details: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """As the vendor writes it, in an answer or inside of a stream."""
        error = {"code": self.status, "message": self.message, "status": _STATUSES[self.status]}
        return {"error": {**error, "details": self.details} if self.details else error}


def wrong_key() -> GeminiRefusal:
    """The key is not known."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
    }
    return GeminiRefusal(400, "API key not valid. Please pass a valid API key.", [info])


def quota_exceeded(period: str) -> GeminiRefusal:
    """period: `PerMinute` or `PerDay`."""
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
        "quotaId": f"GenerateRequests{period}PerProjectPerModel",
    }
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    return GeminiRefusal(429, "You exceeded your current quota, please check your plan and billing details.", [failure])


def check_body(model: str, body: Any, issued: Collection[str]) -> None:
    """Raises GeminiRefusal. issued: signatures of calls that this vendor gave out."""
    for fault in _faults(model, body, issued):
        raise GeminiRefusal(400, fault)


def _faults(model: str, body: Any, issued: Collection[str]) -> Iterator[str]:
    if not isinstance(body, dict) or not isinstance(body.get("contents"), list) or not body["contents"]:
        yield "* GenerateContentRequest.contents: contents is not specified"
        return
    settings = body.get("generationConfig") or {}
    for name in (*sorted(set(body) - KNOWN_FIELDS), *sorted(set(settings) - KNOWN_SETTINGS)):
        yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    thinking = settings.get("thinkingConfig") or {}
    if model.startswith("gemini-2.5") and "thinkingLevel" in thinking:
        yield "Thinking level is not supported for this model."
    if "pro" in model and (thinking.get("thinkingBudget") == 0 or thinking.get("thinkingLevel") == "minimal"):
        yield "Budget 0 is invalid. This model only works in thinking mode."
    yield from _content_faults(model, body["contents"], issued)


def _content_faults(model: str, contents: list[Any], issued: Collection[str]) -> Iterator[str]:
    """A model's turn with calls stands behind one of the user, and is answered by as many results."""
    open_calls = 0
    for place, content in enumerate(contents):
        parts = content.get("parts") or []
        calls = [part for part in parts if "functionCall" in part]
        answers = [part for part in parts if "functionResponse" in part]
        if content.get("role") not in ("user", "model"):
            yield "Please use a valid role: user, model."
        if not parts or any("text" in part and not part["text"] for part in parts):
            yield f"* GenerateContentRequest.contents[{place}].parts: contents.parts must not be empty."
        if answers and len(answers) < len(parts):
            yield "Please ensure that function response turns hold function response parts only."
        if open_calls != len(answers):
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        if calls and (place == 0 or contents[place - 1].get("role") != "user"):
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if calls and not model.startswith(("gemini-1", "gemini-2")):
            yield from _signature_faults(calls[0], place, issued)
        open_calls = len(calls)
    if open_calls or contents[-1].get("role") != "user":
        yield "Please ensure that multiturn requests end with a user turn or a function response turn."


def _signature_faults(part: Mapping[str, Any], place: int, issued: Collection[str]) -> Iterator[str]:
    signature = part.get("thoughtSignature")
    if signature is None:
        yield (
            f"Function call is missing a thought_signature in functionCall parts. Additional data, function call "
            f"`default_api:{part['functionCall']['name']}`, position {place}."
        )
    elif signature not in NO_SIGNATURES and signature not in issued:
        yield "Invalid thought signature."


def to_chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request as one of chat completions, which the simulated models read."""
    system = " ".join(part["text"] for part in (body.get("systemInstruction") or {}).get("parts", []))
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for content in body["contents"]:
        messages.extend(_chat_messages(content["role"], content["parts"]))
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
    functions = [
        {
            "name": one["name"],
            "description": one.get("description", ""),
            "parameters": one.get("parametersJsonSchema") or one.get("parameters") or {},
        }
        for one in declared
    ]
    chat: dict[str, Any] = {
        "messages": messages,
        "tools": [{"type": "function", "function": function} for function in functions],
    }
    schema = (body.get("generationConfig") or {}).get("responseJsonSchema")
    if schema:
        chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return chat


def _chat_messages(role: str, parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    calls = [
        {
            "id": _call_id(one),
            "type": "function",
            "function": {"name": one["name"], "arguments": json.dumps(one["args"])},
        }
        for one in (part["functionCall"] for part in parts if "functionCall" in part)
    ]
    texts = [part["text"] for part in parts if "text" in part]
    if calls:
        yield {"role": "assistant", "content": " ".join(texts), "tool_calls": calls}
        return
    for part in parts:
        if "functionResponse" in part:
            answer = part["functionResponse"]
            text = answer["response"].get("output") or json.dumps(answer["response"])
            yield {"role": "tool", "tool_call_id": _call_id(answer), "content": text}
    yield from ({"role": "assistant" if role == "model" else "user", "content": text} for text in texts)


def _call_id(call: Mapping[str, Any]) -> str:
    return str(call.get("id") or call["name"])
