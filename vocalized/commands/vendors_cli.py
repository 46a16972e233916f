"""The command line of `vocalized vendors`."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

_UP = Path(__file__).resolve().parents[2] / "var" / "up"
State = Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up --simulated-vendors` runs.")]

vendors_app = typer.Typer(
    help="The simulated vendors of the platform that `up --simulated-vendors` runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@vendors_app.command("list")
def list_command(state: State = _UP) -> None:
    """Connections, what each vendor billed, and faults."""
    from vocalized.commands.vendors import VendorsError, list_vendors, print_vendors
    from vocalized.stack.addresses import StackNotRunning

    try:
        print_vendors(list_vendors(state), Console(highlight=False))
    except (VendorsError, StackNotRunning) as error:
        _fail(error)


@vendors_app.command()
def fault(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="stt, llm or tts.")],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="refuse, unauthorized, no_credit, rate_limited, stall, slow, cut, garbage, error, half_open, deaf, "
            "reorder or repeat.",
        ),
    ],
    vendor: Annotated[
        str,
        typer.Option(metavar="NAME", help="As `vendors list` names it; else the role's first."),
    ] = "",
    after: Annotated[int, typer.Option(metavar="N", min=0, help="Units (tokens, chunks, results) before it.")] = 0,
    connections: Annotated[
        int, typer.Option(metavar="N", min=0, help="So many further ones have it; 0: all, also those open now.")
    ] = 0,
    factor: Annotated[float, typer.Option(metavar="X", min=1, help="Of `slow`: how many times slower.")] = 10.0,
    state: State = _UP,
) -> None:
    """Lets a vendor fail, until `vendors clear`.

    The next call, or one that runs, goes on with the next provider of the role.
    """
    from vocalized.commands.vendors import FaultOptions, VendorsError, set_fault
    from vocalized.stack.addresses import StackNotRunning

    options = FaultOptions(role, kind, vendor, after, connections, factor)
    try:
        failing = set_fault(state, options)
    except (VendorsError, StackNotRunning) as error:
        _fail(error)
    typer.echo(f"{failing} {role}: {kind}; `vendors clear` ends it")


@vendors_app.command()
def clear(
    role: Annotated[str, typer.Argument(metavar="[ROLE]", help="stt, llm or tts; else all.")] = "", state: State = _UP
) -> None:
    """Ends faults."""
    from vocalized.commands.vendors import VendorsError, clear_faults
    from vocalized.stack.addresses import StackNotRunning

    try:
        ended = clear_faults(state, role)
    except (VendorsError, StackNotRunning) as error:
        _fail(error)
    typer.echo(f"ended: {', '.join(ended)}" if ended else "there was no fault")


def _fail(error: Exception) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
    raise typer.Exit(1)
