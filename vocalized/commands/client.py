"""`vocalized client`: a client of the API, made from the OpenAPI document of this tree."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from vocalized.clients.document import customer_document, make_api_document
from vocalized.clients.other_languages import INSTALL, GeneratorFailed, generate_client
from vocalized.clients.python_distribution import OutputNotEmpty, write_python_client

DOCUMENT = "openapi.json"


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """language: `python`, `document` for the document alone, or a key of GENERATORS. url: of the API, written into the
    document."""

    language: str
    output: Path
    url: str


def run_client(options: ClientOptions, out: TextIO) -> int:
    """Writes the client and says how it goes on. 1: it could not; 3: the generator is not installed."""
    document = make_api_document(options.url)
    try:
        if options.language == "python":
            write_python_client(document, options.output)
            print(f"{options.output}: the Python client {document['info']['version']}", file=out)
            # The whole path: of `made[webhooks]`, pip takes the package `made` from PyPI.
            print(f"Install it:  pip install {shlex.quote(f'{options.output.resolve()}[webhooks]')}", file=out)
            return 0
        options.output.mkdir(parents=True, exist_ok=True)
        source = options.output / DOCUMENT
        shown = customer_document(document)
        if options.language != "document":
            # OpenAPI Generator 7.26 makes TypeScript of `webhooks` that does not compile: two files of one name.
            del shown["webhooks"]
        source.write_text(json.dumps(shown, indent=1), encoding="utf-8")
        print(f"{source}: the OpenAPI document", file=out)
        return 0 if options.language == "document" else _generate(options, source, out)
    except (OutputNotEmpty, GeneratorFailed, OSError) as error:
        print(f"client: {error}", file=out)
        return 1


def _generate(options: ClientOptions, source: Path, out: TextIO) -> int:
    folder = options.output / options.language
    run = generate_client(options.language, source, folder)
    if run.is_done:
        print(f"{folder}: the client", file=out)
        return 0
    print(f"OpenAPI Generator is not installed. Install it: {INSTALL}. Then:", file=out)
    print(shlex.join(run.command), file=out)
    return 3
