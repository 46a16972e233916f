"""The order of repeatable options."""

from typing import Annotated

import typer
from typer.testing import CliRunner

from vocalized.commands.option_order import OrderedCommand, in_order


def run(*arguments: str) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    app = typer.Typer()

    @app.command(cls=OrderedCommand)
    def main(
        ctx: typer.Context,
        one: Annotated[list[str] | None, typer.Option()] = None,
        two: Annotated[list[str] | None, typer.Option()] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> None:
        seen.extend(in_order(ctx, {"one": one or [], "two": two or []}))

    outcome = CliRunner().invoke(app, list(arguments))
    assert outcome.exit_code == 0, outcome.output
    return seen


def test_mixed_options_keep_their_order() -> None:
    typed = ["--two", "a", "--one=b", "--flag", "--one", "c", "--two", "--one"]
    assert run(*typed) == [("two", "a"), ("one", "b"), ("one", "c"), ("two", "--one")]


def test_no_options_give_an_empty_list() -> None:
    assert run() == []
    assert run("--flag") == []
