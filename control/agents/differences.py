"""The differences of two versions of an agent, field by field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from control.agents.model import AgentContent

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs."""

    path: Annotated[str, Field(description="The field.", examples=["config.hours[2].opens"])]
    kind: Annotated[
        Literal["added", "removed", "changed"], Field(description="What became of the field in the second version.")
    ]
    before: Annotated[
        Any, Field(description="The value in the first version; null where the field was added.", examples=["09:00"])
    ]
    after: Annotated[
        Any, Field(description="The value in the second version; null where the field was removed.", examples=["08:00"])
    ]


def compare(before: AgentContent, after: AgentContent) -> list[Difference]:
    """In the order of the fields; entries of lists are compared by their places."""
    return list(_compare("", _as_object(before), _as_object(after)))


def _as_object(content: AgentContent) -> dict[str, Any]:
    return {
        "name": content.name,
        "config": content.config,
        "voice_provider": content.voice_provider,
        "voice_config": content.voice_config,
    }


def _compare(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is _ABSENT:
        yield Difference(path, "added", None, after)
    elif after is _ABSENT:
        yield Difference(path, "removed", before, None)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _compare(f"{path}.{name}" if path else name, before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif _is_list(before) and _is_list(after):
        for place in range(max(len(before), len(after))):
            yield from _compare(f"{path}[{place}]", _entry(before, place), _entry(after, place))
    elif before != after:
        yield Difference(path, "changed", before, after)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _entry(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else _ABSENT
