"""What an answer of status 2xx may say besides its records."""

from typing import Any

import pytest

from control.integrations.actions.rules import AnswerFailed, map_records
from control.integrations.types.rules import ResponseMapping


@pytest.mark.parametrize("value", [[{"reason": "notFound"}], "channel_not_found", True, {"a": 1}, 1])
def test_named_failure_is_no_answer(value: Any) -> None:
    mapping = ResponseMapping(items="/c/{{config.id}}/busy", fields={}, failures=["/c/{{config.id}}/errors"])
    document = {"c": {"a/b": {"busy": [], "errors": value}}}
    with pytest.raises(AnswerFailed, match="reports a failure"):
        map_records(mapping, document, {"config": {"id": "a/b"}})
    assert map_records(mapping, document | {"c": {"x": {"busy": []}}}, {"config": {"id": "x"}}) == []


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_empty_failure_is_none(value: Any) -> None:
    mapping = ResponseMapping(fields={"id": "/id"}, failures=["/error"])
    assert map_records(mapping, {"id": 1, "error": value}, {}) == [{"id": 1}]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-12-01T10:00:00.0000000", "2026-12-01T10:00:00.0000000Z"),
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"), ("2026-12-01T10:00:00+01:00", "2026-12-01T10:00:00+01:00"),
        ("at ten", "at ten"), (None, None), (10, 10),
    ],
)  # fmt: skip
def test_time_without_an_offset_is_in_utc_where_that_is_declared(text: Any, read: Any) -> None:
    fields = {"starts_at": "/s", "title": "/s"}
    (record,) = map_records(ResponseMapping.model_validate({"fields": fields, "utc_times": True}), {"s": text}, {})
    assert record == {"starts_at": read, "title": text}
    (record,) = map_records(ResponseMapping.model_validate({"fields": fields}), {"s": text}, {})
    assert record["starts_at"] == text
