"""What validation found, as one error of the API that names the field."""

from pydantic import ValidationError

from shared.errors import Invalid, Malformed, Problem

MOST_TOLD = 5


def invalid(error: ValidationError) -> Problem:
    """Malformed when it is no JSON at all, else Invalid with `param` naming the first field at fault."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Malformed("The body is not valid JSON.", code="not_json")
    told = [f"{_name(fault['loc'])}: {fault['msg']}" for fault in faults[:MOST_TOLD]]
    more = len(faults) - len(told)
    text = "; ".join(told) + (f"; and {more} more" if more else "")
    return Invalid(text, param=_name(faults[0]["loc"]))


def _name(path: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in path) or "body"
