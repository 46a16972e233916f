"""What a body may be before its fields are looked at."""

import json
from typing import Any

import pytest

from control.http.body import Body
from control.http.inputs import MOST_NAMES, read_model
from shared.errors import ErrorDetail, Invalid, Malformed


class LooseBody(Body):
    """A body with anything in it."""

    text: str = ""
    inner: Any = None


MANY: dict[str, int] = {f"k{number}": 1 for number in range(MOST_NAMES)}


@pytest.mark.parametrize("body", [MANY | {"k": 1}, {"text": "x", "inner": [{"a": MANY}]}])
def test_body_of_many_names_is_refused_as_a_whole(body: dict[str, Any]) -> None:
    """Each name may be a fault, and listing them all would hold up other requests."""
    with pytest.raises(Invalid) as raised:
        read_model(LooseBody, json.dumps(body).encode())
    message = "must have at most 3,000 names, those inside its fields included"
    assert raised.value.errors == (ErrorDetail("body", "too_long", message),)


def test_long_body_of_few_names_is_read() -> None:
    text = '{"a":1},' * MOST_NAMES
    assert (
        read_model(LooseBody, json.dumps({"text": text, "inner": [1] * MOST_NAMES}).encode()).model_dump()["text"]
        == text
    )
    with pytest.raises(Malformed):
        read_model(LooseBody, json.dumps({"text": text}).encode()[:-1])
