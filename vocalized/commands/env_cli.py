"""The command line of `vocalized env`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_UP = Path(__file__).resolve().parents[2] / "var" / "up"


def env(
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = _UP,
) -> None:
    """Prints addresses, tokens and keys as variables of a shell.

    eval "$(python -m vocalized env)" sets API, WORKSPACE, AGENT and NUMBER of the platform that `up` runs, TOKEN of its
    customer and ADMIN_TOKEN of its admin, each valid for some minutes, STRIPE and STRIPE_KEY of a simulated Stripe, and
    INTEGRATIONS and INTEGRATIONS_KEY of simulated integrations.
    An account that asks for a second factor gets no token. Exit code 1: no platform runs, or it does not answer.
    """
    from vocalized.commands.env import EnvError, read_variables
    from vocalized.stack.addresses import StackNotRunning

    try:
        lines = asyncio.run(read_variables(state))
    except (EnvError, StackNotRunning) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for line in lines:
        typer.echo(line)
