"""Takes from a vendor's answer what a declaration names; all that is taken is bounded. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from control.integrations.declarations import ResponseMapping
from control.integrations.filled_request import Values, fill_pointer
from control.integrations.json_pointers import find_value

MAX_RECORDS: Final = 1_000
MAX_VALUE_CHARACTERS: Final = 2_000

Scalar = str | int | float | bool | None
VendorRecord = Mapping[str, Scalar]


class AnswerUnreadable(Exception):
    """The answer is not what the declaration says."""


def map_records(mapping: ResponseMapping, document: Any, values: Values) -> list[VendorRecord]:
    """The records by our names; an answer without a list is one record. Only texts, numbers and truth values are
    taken, texts up to MAX_VALUE_CHARACTERS. Raises AnswerUnreadable for an answer without the list, or of more than
    MAX_RECORDS."""
    if mapping.items is None:
        if not isinstance(document, dict):
            raise AnswerUnreadable("the answer is no JSON object")
        return [_map_record(mapping, document)]
    items = find_value(document, fill_pointer(mapping.items, values))
    if not isinstance(items, list):
        raise AnswerUnreadable("the answer has no list of records")
    if len(items) > MAX_RECORDS:
        raise AnswerUnreadable(f"the answer has more than {MAX_RECORDS} records")
    return [_map_record(mapping, item) for item in items]


def _map_record(mapping: ResponseMapping, item: Any) -> VendorRecord:
    return {name: _scalar(find_value(item, pointer)) for name, pointer in mapping.fields.items()}


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        # PostgreSQL stores no NUL, and no half of a surrogate pair.
        return value.replace("\0", "").encode(errors="ignore").decode()[:MAX_VALUE_CHARACTERS]
    return value if isinstance(value, bool | int | float) else None
