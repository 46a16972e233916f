"""Validation errors of unions: one per field."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from control.validation import SingleUnionError

NAMED_COUNTS = TypeAdapter(dict[str, Annotated[int | list[int], SingleUnionError("a number or some")]])


@pytest.mark.parametrize("value", [{}, "x", [1, "x"], None])
def test_union_reports_one_error_at_its_field(value: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        NAMED_COUNTS.validate_python({"ok": [1], "field": value})
    errors = [(error["loc"], error["msg"]) for error in raised.value.errors()]
    assert errors == [(("field",), "must be a number or some")]


def test_annotation_of_a_non_union_raises() -> None:
    with pytest.raises(TypeError, match="no union"):
        TypeAdapter(Annotated[int, SingleUnionError("a number")])
