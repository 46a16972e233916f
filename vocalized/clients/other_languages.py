"""Clients in other languages, made by OpenAPI Generator (https://openapi-generator.tech), which is no part of this
project: it needs Java, and is used if it is installed."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Its names of generators: https://openapi-generator.tech/docs/generators
GENERATORS: Final = {
    "csharp": "csharp",
    "go": "go",
    "java": "java",
    "kotlin": "kotlin",
    "php": "php",
    "ruby": "ruby",
    "rust": "rust",
    "swift": "swift6",
    "typescript": "typescript-fetch",
}
PROGRAM: Final = "openapi-generator-cli"
INSTALL: Final = f"pip install {PROGRAM} (or npm install -g @openapitools/{PROGRAM}); both need Java 11 or later"
# Generating takes half a minute on two cores.
TIMEOUT_S: Final = 600


class GeneratorFailed(Exception):
    """The generator ended with an error, or took too long."""


@dataclass(frozen=True, slots=True)
class GeneratorRun:
    """command: as it was, or is to be, run. is_done: whether it was run."""

    command: list[str]
    is_done: bool


def generate_client(language: str, document: Path, folder: Path) -> GeneratorRun:
    """Has OpenAPI Generator write a client from the document, if it is installed. language: a key of GENERATORS. Raises
    GeneratorFailed."""
    program = shutil.which(PROGRAM)
    arguments = ["generate", "-i", str(document), "-g", GENERATORS[language], "-o", str(folder)]
    if program is None:
        return GeneratorRun([PROGRAM, *arguments], is_done=False)
    try:
        done = subprocess.run(
            [program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise GeneratorFailed(f"{PROGRAM} took longer than {TIMEOUT_S} s") from error
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace")
        raise GeneratorFailed(f"{PROGRAM} ended with {done.returncode}:\n{output[-4000:]}")
    return GeneratorRun([program, *arguments], is_done=True)
