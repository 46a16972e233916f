"""Options that may be given several times and mixed, in the order in which they were typed."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

_ORDER = "vocalized.order"

T = TypeVar("T")


class OrderedCommand(TyperCommand):
    """A command that remembers in which order its options stood on the command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as usual, and notes the order."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def in_order(ctx: typer.Context, options: Mapping[str, Sequence[T]]) -> list[tuple[str, T]]:
    """(option, value) pairs as typed; `options` are the values of each option by its parameter's name."""
    left = {name: list(values) for name, values in options.items()}
    return [(name, left[name].pop(0)) for name in ctx.meta.get(_ORDER, []) if left.get(name)]
