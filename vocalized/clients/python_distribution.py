"""Writes the Python client: its modules that are written by hand, beside those that are generated from the document."""

import shutil
from pathlib import Path
from typing import Any, Final

from vocalized.clients.document import customer_document
from vocalized.clients.operations import answer_names, input_names, read_operations
from vocalized.clients.python_models import NOTICE, write_error_codes, write_events, write_models, write_params
from vocalized.clients.python_resources import ASYNCIO, THREADS, write_resources

TEMPLATE: Final = Path(__file__).resolve().parents[2] / "clients" / "python"
PACKAGE: Final = Path("src") / "vocalized_client"
_EXPORTS: Final = {
    "async_resources": ["AsyncVocalized"],
    "error_codes": ["ErrorCode"],
    "errors": [
        "AnswerInvalid", "ApiError", "AuthenticationFailed", "ConnectionFailed", "FieldError", "NotFound",
        "PermissionRefused", "RateLimited", "RequestInvalid", "RequestTimedOut", "ServerFailed", "StateConflict",
        "VocalizedError",
    ],
    "events": ["OtherEvent", "WebhookEvent", "verify_webhook"],
    "files": ["AsyncFileDownload", "FileDownload"],
    "pages": ["AsyncPager", "Pager"],
    "resources": ["Vocalized"],
    "retries": ["RetryPolicy"],
    "values": ["NOT_GIVEN", "NotGiven"],
    "version": ["VERSION"],
    "webhooks": ["WebhookInvalid"],
}  # fmt: skip


class OutputNotEmpty(Exception):
    """The folder has files that are not ours to replace."""


def write_python_client(document: dict[str, Any], output: Path) -> None:
    """Writes the whole distribution, from `pyproject.toml` to the package, into a folder that is empty, missing, or was
    written by this function. Raises OutputNotEmpty, UnknownSchema, OSError."""
    modules = generate_modules(document)
    if output.exists() and any(output.iterdir()) and not (output / PACKAGE / "resources.py").is_file():
        raise OutputNotEmpty(f"{output} is not empty, and holds no client of ours")
    shutil.rmtree(output / PACKAGE, ignore_errors=True)
    shutil.copytree(TEMPLATE, output, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for name, source in modules.items():
        (output / PACKAGE / f"{name}.py").write_text(source, encoding="utf-8")


def generate_modules(document: dict[str, Any]) -> dict[str, str]:
    """The sources of the generated modules by name. document: of the whole API. Raises UnknownSchema."""
    document = customer_document(document)
    schemas, webhooks = document["components"]["schemas"], document["webhooks"]
    operations = read_operations(document)
    return {
        "__init__": _init(),
        "async_resources": write_resources(operations, schemas, ASYNCIO),
        "error_codes": write_error_codes(document["components"]["examples"]),
        "events": write_events(webhooks),
        "models": write_models(schemas, sorted(answer_names(operations, webhooks, schemas))),
        "params": write_params(schemas, sorted(input_names(operations, schemas))),
        "resources": write_resources(operations, schemas, THREADS),
        "version": _version(document["info"]["version"]),
    }


def _version(version: str) -> str:
    return f'{NOTICE.format(text="The version of the API and of this client.")}\nVERSION = "{version}"\n'


def _init() -> str:
    imports = [f"from .{module} import {', '.join(names)}" for module, names in _EXPORTS.items()]
    names = sorted(name for names in _EXPORTS.values() for name in names)
    listed = [f"    {name!r}," for name in ["models", "params", *names]]
    text = NOTICE.format(text="The client of the Vocalized API.")
    return "\n".join([text, "from . import models, params", *imports, "", "__all__ = [", *listed, "]", ""])
