"""A union's refusal: one fault, at the field."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from control.platform.one_fault import OneFault

NAMED = TypeAdapter(dict[str, Annotated[int | list[int], OneFault("a number or some")]])


@pytest.mark.parametrize("value", [{}, "x", [1, "x"], None])
def test_a_fault_is_told_once_at_its_field(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        NAMED.validate_python({"ok": [1], "field": value})
    faults = [(fault["loc"], fault["msg"]) for fault in refused.value.errors()]
    assert faults == [(("field",), "Input should be a number or some")]


def test_what_is_no_union_is_told_at_once() -> None:
    with pytest.raises(TypeError, match="no union"):
        TypeAdapter(Annotated[int, OneFault("a number")])
