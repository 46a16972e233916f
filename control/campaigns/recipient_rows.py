"""Checks rows of recipients before they are stored. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from control.agents.destinations import parse_destination
from control.agents.variables import CallVariables
from control.campaigns.calling_hours import time_zones_of
from control.campaigns.model import NewRecipient, RowFault
from control.platform.validation_errors import list_faults
from control.workspaces.timezones import timezone_names
from shared.errors import ErrorDetail, Invalid

LONGEST_REFERENCE: Final = 200
_VARIABLES: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(CallVariables)
_NUMBER: Final = "phone_number"
# Returns the names of the agent's placeholders that a row leaves without a value.
FindMissing = Callable[[NewRecipient], Sequence[str]]


def check_rows(rows: Iterable[NewRecipient], find_missing: FindMissing) -> tuple[list[NewRecipient], list[RowFault]]:
    """The rows that can be called, each number once, and the faults of the others: one a row, in the rows' order."""
    good: dict[str, NewRecipient] = {}
    faults: list[RowFault] = []
    for row in rows:
        fault = _find_fault(row, find_missing)
        if fault is None and (first := good.get(row.phone_number)) is not None:
            fault = ErrorDetail(_NUMBER, "duplicate", f"is that of row {first.place}, too")
        if fault is None:
            good[row.phone_number] = row
        else:
            faults.append(RowFault(row.place, fault))
    return list(good.values()), faults


def _find_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        parse_destination(row.phone_number, _NUMBER)
    except Invalid as fault:
        return ErrorDetail(_NUMBER, fault.code, fault.message.removeprefix(f"{_NUMBER} ").removesuffix("."))
    if row.timezone is None and not time_zones_of(row.phone_number):
        text = "is needed: the number does not tell where its phone is"
        return ErrorDetail("timezone", "timezone_missing", text)
    if row.timezone is not None and row.timezone not in timezone_names():
        return ErrorDetail("timezone", "timezone_unknown", "must be a name of the IANA database")
    if row.reference is not None and (len(row.reference) > LONGEST_REFERENCE or not row.reference.isprintable()):
        text = f"must be one line of at most {LONGEST_REFERENCE} characters"
        return ErrorDetail("reference", "reference_invalid", text)
    return _find_variable_fault(row, find_missing)


def _find_variable_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        _VARIABLES.validate_python(dict(row.variables))
    except ValidationError as error:
        return list_faults(error, "variables")[0]
    missing = find_missing(row)
    if missing:
        return ErrorDetail(f"variables.{missing[0]}", "variable_missing", "is needed by the agent's texts")
    return None
