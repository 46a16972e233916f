"""Each amount of money in an answer has its currency beside it."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import control
from control.http.body import Currency, Money

AMOUNTS_AT_LEAST = 25


def views() -> Iterator[type]:
    """The classes of all answers."""
    for module in pkgutil.walk_packages(control.__path__, "control."):
        if module.name.endswith((".routes", "_views")):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value):
                    yield value


def holds_money(kind: Any) -> bool:
    """Whether a type holds Money, also with a text of its own (Annotated joins both)."""
    is_money = set(get_args(Money)[1:]) <= set(getattr(kind, "__metadata__", ()))
    return is_money or any(holds_money(part) for part in get_args(kind))


def test_amounts_have_their_currency_beside_them() -> None:
    hints = {view.__name__: get_type_hints(view, include_extras=True) for view in views()}
    with_money = {name: fields for name, fields in hints.items() if any(map(holds_money, fields.values()))}
    assert len(with_money) >= AMOUNTS_AT_LEAST
    assert [name for name, fields in with_money.items() if fields.get("currency") != Currency] == []
