"""The command line of `vocalized client`."""

import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

Language = Literal[
    "python", "document", "csharp", "go", "java", "kotlin", "php", "ruby", "rust", "swift", "typescript"
]  # fmt: skip


def check_url(url: str) -> str:
    """Raises BadParameter."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise typer.BadParameter("must be an address like https://api.example.com")
    return url


def client(
    language: Annotated[Language, typer.Option(help="Of the client; `document`: the OpenAPI document alone.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where it is written.")],
    url: Annotated[
        str, typer.Option(metavar="URL", help="Of your API, for the document.", callback=check_url)
    ] = "http://127.0.0.1:8080",
) -> None:
    """Writes a client of the API for customers' systems, from the OpenAPI document of this version.

    The Python client is this project's own. Those of other languages are made by OpenAPI Generator from the document
    in FOLDER, into a folder of the language's name. If it is not installed, the command for it is printed, and the
    exit code is 3.
    """
    from vocalized.commands.client import ClientOptions, run_client

    raise typer.Exit(run_client(ClientOptions(language, output, url), sys.stdout))
