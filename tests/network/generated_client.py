"""A client of the API in Python, generated from its document by openapi-python-client, which others wrote."""

import asyncio
import json
import pkgutil
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "generated_client"


class GenerationFailed(Exception):
    """The generator failed, or warned that it leaves something out."""


@dataclass(frozen=True, slots=True)
class GeneratedClient:
    """The imported package. operations: its modules by operationId, each with `asyncio` and `asyncio_detailed`."""

    package: ModuleType
    models: ModuleType
    operations: dict[str, ModuleType]

    def model(self, name: str, /, **values: Any) -> Any:
        """A model of the request with these values as JSON."""
        return getattr(self.models, name).from_dict(values)


async def generate_client(document: dict[str, Any], folder: Path) -> GeneratedClient:
    """Generates the client into `folder`, which must be on sys.path. A warning counts as a failure: the generator warns
    where it leaves out an operation, a response or a type. Raises GenerationFailed."""
    source, config = folder / "openapi.json", folder / "config.json"
    source.write_text(json.dumps(document))
    # By default it formats what it made, which takes longer than making it.
    config.write_text(json.dumps({"post_hooks": []}))
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--path", str(source), "--config", str(config),
        "--meta", "none", "--output-path", str(folder / PACKAGE), "--fail-on-warning",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode != 0 or "WARNING" in output.decode():
        raise GenerationFailed(output.decode())
    return GeneratedClient(import_module(PACKAGE), import_module(f"{PACKAGE}.models"), _operations())


def _operations() -> dict[str, ModuleType]:
    api = import_module(f"{PACKAGE}.api")
    found = pkgutil.walk_packages(api.__path__, f"{PACKAGE}.api.")
    return {module.name.rpartition(".")[2]: import_module(module.name) for module in found if not module.ispkg}
