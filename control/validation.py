"""Converts pydantic's validation errors to our own messages, one for each field.

A message completes the field's name: "must be at most 200 characters, is 312". It never contains the value, which may
be a secret.

Source of the error types: https://docs.pydantic.dev/latest/errors/validation_errors/
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticKnownError

from shared.errors import ErrorDetail, Invalid
from shared.ipa import SIGNS

FieldCode = Literal[
    "missing",  # A required field is missing.
    "unknown_field",  # The field does not exist.
    "wrong_type",  # The value has another JSON type, such as a number instead of text.
    "wrong_format",  # The text has another format, for example not that of a UUID.
    "too_short",
    "too_long",
    "too_small",
    "too_large",
    "not_a_choice",  # The value is not among the allowed values.
    "invalid",  # The value violates a rule that the message states.
]
Words = tuple[FieldCode, str]
Context = Mapping[str, Any]

FALLBACK: Final[Words] = ("invalid", "is not valid")
NO_FORM: Final = "does not have the required form"

_TEXT: Final[Words] = ("wrong_type", "must be text")
_WHOLE: Final[Words] = ("wrong_type", "must be a whole number")
_NUMBER: Final[Words] = ("wrong_type", "must be a number")
_BOOLEAN: Final[Words] = ("wrong_type", "must be true or false")
_LIST: Final[Words] = ("wrong_type", "must be a list")
_OBJECT: Final[Words] = ("wrong_type", "must be an object")
_UUID: Final[Words] = ("wrong_format", "must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057")
_TIME: Final[Words] = ("wrong_format", "must be a date with a time in ISO 8601, such as 2026-11-25T09:30:00Z")
_DATE: Final[Words] = ("wrong_format", "must be a date, such as 2026-11-25")
_CLOCK: Final[Words] = ("wrong_format", "must be a time of day, such as 09:30")

# Error types whose message contains no figure.
WORDS: Final[Mapping[str, Words]] = {
    "missing": ("missing", "is required"),
    "extra_forbidden": ("unknown_field", "is not a known field"),
    "unexpected_keyword_argument": ("unknown_field", "is not a known field"),  # a field of a data class
    "none_required": ("wrong_type", "must be null"),
    "string_type": _TEXT,
    "string_unicode": ("wrong_format", "must be text in UTF-8"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": ("too_large", "has too many digits"),
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": ("wrong_type", "must be a finite number"),
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": ("wrong_format", "must name a zone, such as Z or +01:00"),
    "timezone_naive": ("wrong_format", "must not name a zone"),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "time_type": _CLOCK,
    "time_parsing": _CLOCK,
}

_CAPITALS: Final = "must be the two capital letters of a country (ISO 3166), such as US"
_E164: Final = "must be a phone number in E.164, such as +12025550123"
_NAME: Final = "must begin with a lower-case letter and hold at most {} lower-case letters, digits{}"
# Descriptions of patterns, because a regular expression is hard to read in a message.
PATTERNS: Final[Mapping[str, str]] = {
    r"^[^\u0000]*$": "must not hold the character NUL",
    r"^[^\u0000-\u001f\u007f]*$": "must be one line without control characters",
    r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$": "must be one line without control characters",
    r"^[^\u0000-\u001f\u007f\[\]]{1,40}$": "must have 1 to 40 characters, without control characters, [ and ]",
    r"^[a-z][a-z0-9_]{0,39}$": _NAME.format(40, " and _"),
    r"^[a-z][a-z0-9_]{0,59}$": _NAME.format(60, " and _"),
    r"^[a-z][a-z0-9_-]{0,39}$": _NAME.format(40, ", _ and -"),
    r"^[a-z][a-z0-9_.]{0,99}$": _NAME.format(100, ", _ and ."),
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$": "must be a language tag (BCP 47), such as en or pt-BR",
    r"^([a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?)?$": "must be a language tag, such as pt-BR, or empty",
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": "must be an id (UUID)",
    r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$": "must be an id (UUID), or empty",
    r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$": "must be lower-case words of letters and digits joined by _, such as find_order",
    r"^[\u0021-\u007e]([\u0020-\u007e]*[\u0021-\u007e])?$": "must be printable ASCII without spaces at its ends",
    r"^(\+[1-9][0-9]{6,14}(;ext=[0-9*#]{1,12})?|[sS][iI][pP][sS]?:.+)?$": f"{_E164}, perhaps with ;ext= and its keys, "
    "or a SIP address, such as sip:desk@pbx.acme.com",
    r"^\+[1-9][0-9]{6,14}$": _E164,
    r"^\+[1-9][0-9]{1,14}$": _E164,
    r"^(\+[1-9][0-9]{6,14}|anonymous)$": f"{_E164}, or anonymous",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": _CLOCK[1],
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$": "must be a time of day up to 24:00, such as 17:30",
    r"^(20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$": f"{_DATE[1]}, in this century, or empty",
    r"^[A-Z]{2}$": _CAPITALS,
    r"^[a-z]{3}$": "must be a currency by its ISO 4217 code in lower case, such as usd",
    r"^[1-9*#]?$": "must be one key, 1 to 9, * or #, or empty",
    r"^[0-9]{2,5}$": "must be 2 to 5 digits",
    r"^[0-9]{6}$": "must be six digits",
    r"^([0-9]{3,15})?$": "must be 3 to 15 digits, or empty",
    r"^[A-Za-z0-9-]{8,64}$": "must be an id of 8 to 64 letters, digits and -",
    r"^[A-Za-z2-7]{4}(-?[A-Za-z2-7]{4}){2}$": "must be a recovery code, such as k3vq-7ayo-m2fd",
    r"^price_[A-Za-z0-9_]{1,200}$": "must be the id of a price at Stripe, which begins with price_",
    r"^pm_[A-Za-z0-9_]{1,200}$": "must be the id of a payment method at Stripe, which begins with pm_",
    r"^[a-z][a-z0-9_]{0,63}$": _NAME.format(64, " and _"),
    r"^(/([^/~]|~[01])*)*$": "must be a JSON pointer (RFC 6901), such as /items/0/id, or empty",
    r"^(/[^\s?#]*)?$": "must be a path that begins with /, without a query, or empty",
    f"^[{SIGNS}]*$": "must be in the letters and signs of the International Phonetic Alphabet, such as bɛʁn",
    r"^\S+$": "must not hold spaces",
    r"^[\x20-\x7E]*$": "must be printable ASCII",
    r"^[A-Za-z0-9-]{1,64}$": "must be the name of a header, of at most 64 letters, digits and -",
    r"^[\x21\x23-\x5B\x5D-\x7E]{1,200}$": 'must be a scope (RFC 6749, 3.3): printable ASCII without spaces, " and \\',
}


def words_of(kind: str, context: Context, value: object) -> Words | None:
    """Return the code and message of a fault, or None for an unknown type.

    Args:
        kind: pydantic's error type.
        context: The limits that the error contains.
        value: The rejected value. Only its length appears in the message.
    """
    if kind in WORDS:
        return WORDS[kind]
    make = _MAKERS.get(kind)
    return None if make is None else make(context, value)


def _number(limit: object) -> str:
    """Format a number with thousands separators, such as 1,400."""
    if isinstance(limit, float | Decimal) and limit == int(limit):
        limit = int(limit)
    return f"{limit:,}" if isinstance(limit, int | Decimal) else str(limit)


def _count(number: int, noun: str, nouns: str) -> str:
    return f"{number:,} {noun if number == 1 else nouns}"


def _characters(number: int) -> str:
    return _count(number, "character", "characters")


def _entries(number: int) -> str:
    return _count(number, "entry", "entries")


def _length(value: object) -> str:
    """Return the length as part of a message; empty if white space may have been stripped before counting."""
    return f", is {len(value):,}" if isinstance(value, str) and value == value.strip() else ""


def _too_short(context: Context, value: object) -> Words:
    if context["min_length"] == 1:
        return "too_short", "must not be empty"
    return "too_short", f"must be at least {_characters(context['min_length'])}{_length(value)}"


def _too_long(context: Context, value: object) -> Words:
    return "too_long", f"must be at most {_characters(context['max_length'])}{_length(value)}"


def _too_few(context: Context, value: object) -> Words:
    if context["min_length"] == 1:
        return "too_short", "must not be empty"
    return "too_short", f"must have at least {_entries(context['min_length'])}{_entry_count(context)}"


def _too_many(context: Context, value: object) -> Words:
    return "too_long", f"must have at most {_entries(context['max_length'])}{_entry_count(context)}"


def _entry_count(context: Context) -> str:
    """Return the number of entries as part of a message. pydantic may stop counting at the limit."""
    actual = context.get("actual_length")
    return f", has {actual:,}" if isinstance(actual, int) else ""


def _pattern(context: Context, value: object) -> Words:
    return "wrong_format", PATTERNS.get(context["pattern"], NO_FORM)


def _choice(context: Context, value: object) -> Words:
    return "not_a_choice", f"must be {context['expected']}".replace("'", '"')


def _tag(context: Context, value: object) -> Words:
    return "not_a_choice", f"must have as {context['discriminator']} one of {context['expected_tags']}".replace(
        "'", '"'
    )


def _rule(context: Context, value: object) -> Words:
    """Return the text of a ValueError that one of our validators raised."""
    return "invalid", str(context["error"]).rstrip(".")


_MAKERS: Final[Mapping[str, Callable[[Context, object], Words]]] = {
    "string_too_short": _too_short,
    "string_too_long": _too_long,
    "too_short": _too_few,
    "too_long": _too_many,
    "string_pattern_mismatch": _pattern,
    "greater_than": lambda context, _: ("too_small", f"must be more than {_number(context['gt'])}"),
    "greater_than_equal": lambda context, _: ("too_small", f"must be at least {_number(context['ge'])}"),
    "less_than": lambda context, _: ("too_large", f"must be less than {_number(context['lt'])}"),
    "less_than_equal": lambda context, _: ("too_large", f"must be at most {_number(context['le'])}"),
    "multiple_of": lambda context, _: ("invalid", f"must be a multiple of {_number(context['multiple_of'])}"),
    "decimal_max_digits": lambda context, _: ("too_long", f"must have at most {context['max_digits']} digits"),
    "decimal_max_places": lambda context, _: ("too_long", f"must have at most {context['decimal_places']} decimals"),
    "decimal_whole_digits": lambda context, _: (
        "too_large",
        f"must have at most {context['whole_digits']} digits before the decimal point",
    ),
    "uuid_version": lambda context, _: ("wrong_format", f"must be a UUID of version {context['expected_version']}"),
    "literal_error": _choice,
    "enum": _choice,
    "union_tag_invalid": _tag,
    "union_tag_not_found": lambda context, _: ("missing", f"must have {context['discriminator']}".replace("'", '"')),
    "value_error": _rule,
}


# The type of these errors, in addition to pydantic's types.
UNION_ERROR: Final = "union"


@dataclass(frozen=True, slots=True)
class SingleUnionError:
    """Annotation that gives a union a single error message.

    Attributes:
        expected: Completes the message "must be …".
    """

    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "union":
            raise TypeError(f"no union: {source}")
        return {**schema, "custom_error_type": UNION_ERROR, "custom_error_message": f"must be {self.expected}"}


# Maximum number of faults in an answer, so that it cannot be much longer than the request.
MAX_ERRORS: Final = 50
# pydantic appends this to the name of an entry whose name is invalid.
_KEY: Final = "[key]"


def list_faults(error: ValidationError, at: str = "") -> list[ErrorDetail]:
    """Return the first MAX_ERRORS faults of a validation error.

    Args:
        at: The field that was validated, which prefixes the names of its parts.
    """
    faults = error.errors(include_url=False)[:MAX_ERRORS]
    return [_detail(fault["type"], fault, at) for fault in faults]


def join_invalid(found: Sequence[Invalid]) -> Invalid:
    """Merge several Invalid errors into one, such as those of a request's query and body."""
    return found[0] if len(found) == 1 else make_invalid([detail for error in found for detail in error.errors])


def make_invalid(errors: Sequence[ErrorDetail], code: str = "") -> Invalid:
    """Create an Invalid with the param and message of the first fault.

    The message states how many more of the first MAX_ERRORS faults the answer lists.
    """
    listed = errors[:MAX_ERRORS]
    first, more = listed[0], len(listed) - 1
    text = f"{element_path(first.param or 'body')}: {first.message}"
    others = f" ({more} more in errors)" if more else ""
    return Invalid(f"{text}{others}.", code=code, param=first.param, errors=listed)


def element_path(param: str) -> str:
    """Convert a dotted name to the caller's notation: hours.2.opens becomes hours[2].opens."""
    first, *rest = param.split(".")
    return first + "".join(f"[{part}]" if part.isascii() and part.isdecimal() else f".{part}" for part in rest)


def _detail(kind: str, fault: Any, at: str) -> ErrorDetail:
    path = [str(part) for part in fault["loc"] if part != _KEY]
    code, message = _words(kind, fault)
    if fault["loc"] and fault["loc"][-1] == _KEY:
        message = f"is no valid name: it {message}"
    return ErrorDetail(".".join([at, *path] if at else path) or "body", code, message)


def _words(kind: str, fault: Any) -> tuple[str, str]:
    if kind == UNION_ERROR:  # The message is ours.
        return "wrong_type", fault["msg"]
    return words_of(kind, fault.get("ctx", {}), fault["input"]) or FALLBACK


def bounded_map(most: int, longest_name: int) -> BeforeValidator:
    """Return a validator that refuses more than `most` entries, and names longer than `longest_name` characters.

    It runs before the types of the entries are checked: an error names each wrong entry, so it would be as long as the
    request.
    """

    def check(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > most:
            bounds = {"field_type": "Dictionary", "max_length": most, "actual_length": len(value)}
            raise PydanticKnownError("too_long", bounds)
        if isinstance(value, dict) and any(len(name) > longest_name for name in value):
            raise ValueError(f"must have names of at most {longest_name} characters")
        return value

    return BeforeValidator(check)
