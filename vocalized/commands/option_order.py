"""Repeatable options in the order of the command line."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

_ORDER = "vocalized.commands.option_order"

T = TypeVar("T")


class OrderedCommand(TyperCommand):
    """A command that stores the order of its options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as usual, and stores the order in the context."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def in_order(ctx: typer.Context, options: Mapping[str, Sequence[T]]) -> list[tuple[str, T]]:
    """(option, value) pairs in the order typed. options: each option's values by the name of its parameter."""
    remaining = {name: list(values) for name, values in options.items()}
    return [(name, remaining[name].pop(0)) for name in ctx.meta.get(_ORDER, []) if remaining.get(name)]
