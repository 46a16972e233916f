"""Takes from a vendor's answer what a declaration names; all that is taken is bounded. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from control.integrations.declarations import ResponseMapping
from control.integrations.filled_request import Values, fill_pointer
from control.integrations.json_pointers import find_value

MAX_RECORDS: Final = 1_000
MAX_VALUE_CHARACTERS: Final = 2_000

Scalar = str | int | float | bool | None
VendorRecord = Mapping[str, Scalar]


# Fields that hold times; which of them have no offset is declared (`utc_times`).
_TIMES: Final = ("starts_at", "ends_at")


class AnswerUnreadable(Exception):
    """The answer is not what the declaration says."""


class AnswerFailed(Exception):
    """The answer says that the request failed, or that it is incomplete."""


def map_records(mapping: ResponseMapping, document: Any, values: Values) -> list[VendorRecord]:
    """The records by our names; an answer without a list is one record. Only texts, numbers and truth values are
    taken, texts up to MAX_VALUE_CHARACTERS. Raises AnswerFailed; AnswerUnreadable for an answer without the list, or
    of more than MAX_RECORDS."""
    for pointer in mapping.failures:
        if find_value(document, fill_pointer(pointer, values)) not in (None, False, "", [], {}):
            raise AnswerFailed(f"the vendor names a failure at {pointer}")
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
    record = {name: _scalar(find_value(item, pointer)) for name, pointer in mapping.fields.items()}
    if mapping.utc_times:
        record |= {name: _in_utc(record[name]) for name in _TIMES if name in record}
    return record


def _in_utc(value: Scalar) -> Scalar:
    """A time with `Z` where it has no offset."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return value
    return f"{value}Z" if moment is not None and moment.tzinfo is None else value


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        # PostgreSQL stores no NUL, and no half of a surrogate pair.
        return value.replace("\0", "").encode(errors="ignore").decode()[:MAX_VALUE_CHARACTERS]
    return value if isinstance(value, bool | int | float) else None
