"""What a language model gets of an HTTP answer. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from control.tools.http_client import ToolHttpAnswer
from control.tools.http_config import HttpToolConfig

MISSING: Final = None
_TEXT_TYPES: Final = ("application/json", "application/xml", "application/x-www-form-urlencoded", "")


class AnswerUnfit(Exception):
    """The answer holds nothing that a model could be given; the message says why."""


def map_answer(config: HttpToolConfig, answer: ToolHttpAnswer) -> str:
    """The values at the config's pointers as JSON, null where there is none; without pointers, the whole text. Raises
    AnswerUnfit."""
    if not _is_text(answer.content_type):
        # The type is not named: it is text of the server, and this sentence is not marked as outside data.
        raise AnswerUnfit("is of a type that is no text")
    if not config.result:
        return _compact(answer)
    if answer.is_cut:
        raise AnswerUnfit(f"has more than {len(answer.body):,} bytes")
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AnswerUnfit("is no JSON") from None
    return json.dumps({name: find_value(value, at) for name, at in config.result.items()}, ensure_ascii=False)


def find_value(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer; None where there is none. https://www.rfc-editor.org/rfc/rfc6901#section-4"""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return MISSING
    return value


def _compact(answer: ToolHttpAnswer) -> str:
    """JSON without white space, so that more of it fits; any other text as it is."""
    try:
        return msgspec.json.encode(msgspec.json.decode(answer.body)).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return answer.body.decode("utf-8", "replace")


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))
