"""What a body may be before its fields are looked at."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.http.body import Body
from control.http.inputs import MOST_NAMES, MOST_VALUES, count_parts, read_model
from shared.errors import ErrorDetail, Invalid, Malformed


class LooseBody(Body):
    """A body with anything in it."""

    text: str = ""
    inner: Any = None


def _inner(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children) | st.dictionaries(st.text(), children)


MANY: dict[str, int] = {f"k{number}": 1 for number in range(MOST_NAMES)}


@pytest.mark.parametrize("body", [MANY | {"k": 1}, {"text": "x", "inner": [{"a": MANY}]}])
def test_body_of_many_names_is_refused_as_a_whole(body: dict[str, Any]) -> None:
    """Each name may be a fault, and listing them all would hold up other requests."""
    with pytest.raises(Invalid) as raised:
        read_model(LooseBody, json.dumps(body).encode())
    message = "must have at most 3,000 names, those inside its fields included"
    assert raised.value.errors == (ErrorDetail("body", "too_long", message),)


def test_body_of_many_values_is_refused_as_a_whole() -> None:
    """330,000 empty lists in 1 MB kept the event loop busy for a second."""
    body = b'{"inner":[%s]}' % b",".join([b"[]"] * MOST_VALUES)
    with pytest.raises(Invalid, match="must have at most 10,000 values, those inside its fields included"):
        read_model(LooseBody, body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), _inner, max_leaves=30))
def test_parts_are_counted_without_parsing(document: Any) -> None:
    names, values = count_parts(json.dumps(document).encode())
    assert names == len(_names(document))
    assert values >= len(_values(document)) - 1


def _names(document: Any) -> list[str]:
    return [name for part in _values(document) if isinstance(part, dict) for name in part]


def _values(document: Any) -> list[Any]:
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [document, *(value for part in inner for value in _values(part))]


@pytest.mark.parametrize("text", ['\\"' * 30_000, "\\\\" * 30_000, ":,[{" * 20_000, '\\\\\\":' * 20_000])
def test_what_is_inside_a_text_does_not_count(text: str) -> None:
    assert read_model(LooseBody, json.dumps({"text": text}).encode()).model_dump()["text"] == text


def test_long_body_of_few_names_is_read() -> None:
    text = '{"a":1},' * MOST_NAMES
    assert (
        read_model(LooseBody, json.dumps({"text": text, "inner": [1] * MOST_NAMES}).encode()).model_dump()["text"]
        == text
    )
    with pytest.raises(Malformed):
        read_model(LooseBody, json.dumps({"text": text}).encode()[:-1])
