"""Values of Python to JSON and back, as the types of the models say."""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from .errors import AnswerInvalid

Decoder = Callable[[Any], Any]


class NotGiven:
    """The type of NOT_GIVEN: a field that is left out of the request. None is JSON's null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = NotGiven()


def decode(kind: Any, data: Any) -> Any:
    """The JSON value as this type. Fields that the type does not have are left out: later versions of the API may add
    some. Strings outside of a Literal are kept for the same reason. Raises AnswerInvalid."""
    try:
        return _decoder(kind)(data)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise AnswerInvalid(f"the answer is no {name}: {type(error).__name__}: {error}") from error


def encode(value: Any) -> Any:
    """The value as JSON knows it, without fields that are not given. Decimals become text, which the API takes for
    money; datetimes need a time zone. Raises ValueError for one without, TypeError for values of other types."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {name: encode(one) for name, one in value.items() if not isinstance(one, NotGiven)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [encode(one) for one in value]
    return encode_text(value)


def encode_text(value: Any) -> str:
    """The value as text, for queries and paths. Raises ValueError for a datetime without a time zone, TypeError for
    other types."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the datetime {value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | str | int | float):
        return str(value)
    raise TypeError(f"cannot send a value of type {type(value).__name__}")


@cache
def _decoder(kind: Any) -> Decoder:
    """Made once for each type, because reading the hints of a class takes longer than decoding it."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_decoder(get_args(kind))
    if origin is list:
        return _list_decoder(get_args(kind)[0])
    if origin is dict:
        return _map_decoder(get_args(kind)[1])
    if origin is Literal or kind is Any:
        return _plain
    return _dataclass_decoder(kind) if is_dataclass(kind) else _SCALARS[kind]


def _list_decoder(kind: Any) -> Decoder:
    item = _decoder(kind)

    def decode_list(data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise TypeError(f"expected an array, not {type(data).__name__}")
        return [item(one) for one in data]

    return decode_list


def _map_decoder(kind: Any) -> Decoder:
    item = _decoder(kind)
    return lambda data: {name: item(one) for name, one in _object(data).items()}


def _union_decoder(kinds: tuple[Any, ...]) -> Decoder:
    """Null first, then the first kind that fits."""
    choices = [_decoder(kind) for kind in kinds if kind is not type(None)]
    is_nullable = len(choices) < len(kinds)

    def decode_union(data: Any) -> Any:
        if data is None and is_nullable:
            return None
        for choice in choices[:-1]:
            try:
                return choice(data)
            except (KeyError, TypeError, ValueError, ArithmeticError):
                continue
        return choices[-1](data)

    return decode_union


def _dataclass_decoder(kind: Any) -> Decoder:
    hints = get_type_hints(kind)
    # Hints are read now, decoders when they are first needed: a class may refer to itself.
    parts = [(field.name, field.metadata.get("name", field.name), hints[field.name]) for field in fields(kind)]
    optional = {field.name for field in fields(kind) if (field.default, field.default_factory) != (MISSING, MISSING)}

    def decode_object(data: Any) -> Any:
        data = _object(data)
        present = (part for part in parts if part[1] in data or part[0] not in optional)
        return kind(**{name: _decoder(hint)(data[key]) for name, key, hint in present})

    return decode_object


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, not {type(data).__name__}")
    return data


def _plain(data: Any) -> Any:
    """Values without a documented type: numbers are floats there, not Decimals."""
    if isinstance(data, Decimal):
        return float(data)
    if isinstance(data, dict):
        return {name: _plain(one) for name, one in data.items()}
    return [_plain(one) for one in data] if isinstance(data, list) else data


def _of_type(kind: type, name: str) -> Decoder:
    def decode_scalar(data: Any) -> Any:
        if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
            raise TypeError(f"expected {name}, not {type(data).__name__}")
        return data

    return decode_scalar


def _number(data: Any) -> Decimal:
    if isinstance(data, bool) or not isinstance(data, int | Decimal):
        raise TypeError(f"expected a number, not {type(data).__name__}")
    return Decimal(data)


_text = _of_type(str, "a string")
_SCALARS: Final[Mapping[Any, Decoder]] = {
    str: _text,
    bool: _of_type(bool, "a boolean"),
    int: _of_type(int, "an integer"),
    Decimal: _number,
    UUID: lambda data: UUID(_text(data)),
    datetime: lambda data: datetime.fromisoformat(_text(data)),
    date: lambda data: date.fromisoformat(_text(data)),
}
