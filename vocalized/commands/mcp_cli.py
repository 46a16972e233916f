"""The command line of `vocalized mcp`."""

import asyncio
import os
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console

KEY_VARIABLE: Final = "VOCALIZED_API_KEY"


class AskedEffect(StrEnum):
    """Kinds of tools that a connection has only if it asks for them."""

    WRITE = "write"
    CALLS = "calls"
    DELETE = "delete"


def mcp(
    url: Annotated[str, typer.Option(metavar="URL", help="The platform's API: https://api.example.com.")],
    allow: Annotated[
        list[AskedEffect] | None,
        typer.Option(help="Also tools that change, that dial and end calls, or that delete. May be given repeatedly."),
    ] = None,
) -> None:
    """An MCP server on standard input and output.

    For programs with language models that start their servers themselves: it offers the tools of the platform's MCP
    endpoint (docs/use/mcp.md). The API key is read from VOCALIZED_API_KEY; which tools there are depends on its scopes.
    Without --allow they only read. Exit code 1: the platform does not answer or refuses the key, with the reason.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()  # no option: others on the machine see a program's arguments
    if not key:
        _fail(f"set {KEY_VARIABLE} to an API key of the workspace")
    if not (key.isascii() and key.isprintable()):
        _fail(f"{KEY_VARIABLE} has characters that no API key has")
    from vocalized.mcp_relay import RelayError, RelayOptions, run_relay

    try:
        asyncio.run(run_relay(RelayOptions(url, key, tuple(allow or ()))))
    except RelayError as error:
        _fail(str(error))


def _fail(reason: str) -> None:
    Console(stderr=True, highlight=False).print(f"error: {reason}", markup=False, soft_wrap=True)
    raise typer.Exit(1)
