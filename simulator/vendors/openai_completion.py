"""A chat completion that is not streamed, and what servers refuse of its `response_format`.

Sources: OpenAI's API reference ("The chat completion object") and its guide "Structured Outputs" ("Supported schemas").
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.vendors.openai_request import Refusal
from simulator.vendors.openai_stream import CREATED, ReplyStream

FORMATS: Final = frozenset({"json_schema", "json_object", "text"})
_PARAM: Final = "response_format"


def check_format(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises Refusal. known: the types that the model takes."""
    wanted = body.get(_PARAM)
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in known:
        message = f"This model does not support response format `{kind}`."
        raise Refusal(400, "", message, param=_PARAM)
    if kind == "json_schema":
        named = wanted.get("json_schema") or {}
        if not named.get("name") or not isinstance(named.get("schema"), dict):
            raise Refusal(400, "missing_required_parameter", "Missing required parameter.", param=_PARAM)
        for fault in _strict_faults(named["schema"], ()) if named.get("strict") else ():
            message = f"Invalid schema for response_format '{named['name']}': {fault}"
            raise Refusal(400, "invalid_json_schema", message, param=_PARAM)


def make_completion(stream: ReplyStream) -> dict[str, Any]:
    """The whole reply, whose tokens count when it is made."""
    for _ in stream.tokens():
        pass
    reply = stream.reply
    message = {
        "role": "assistant",
        "content": None if reply.refusal else stream.sent_text,
        "refusal": reply.refusal or None,
    }
    choice = {"index": 0, "message": message, "finish_reason": stream.finish, "logprobs": None}
    return {
        "id": stream.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": stream.model,
        "choices": [choice],
        "usage": stream.usage(),
    }


def _strict_faults(schema: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[str]:
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        properties = schema.get("properties") or {}
        if schema.get("additionalProperties") is not False:
            yield f"In context={at}, 'additionalProperties' is required to be supplied and to be false."
        if sorted(schema.get("required") or ()) != sorted(properties):
            yield f"In context={at}, 'required' is required to be supplied and to be an array including every key."
        for name, part in properties.items():
            yield from _strict_faults(part, (*at, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from _strict_faults(schema["items"], (*at, "items"))
