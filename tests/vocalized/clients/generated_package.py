"""The Python client, generated once for each test process and imported from a folder of its own."""

import atexit
import shutil
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

from tests.platform.api_document import api_document
from vocalized.clients.python_distribution import write_python_client

SECRET = "voc_test_secret_that_no_log_may_have"


@cache
def python_client() -> ModuleType:
    """The package `vocalized_client`. Its modules stay importable until the process ends."""
    folder = Path(mkdtemp(prefix="vocalized-client-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_python_client(api_document(), folder)
    sys.path.insert(0, str(folder / "src"))
    return import_module("vocalized_client")


class ClientModule:
    """A module of the client, which is generated when one of its names is used, not when the tests are imported."""

    def __init__(self, name: str = "vocalized_client") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        python_client()
        return getattr(import_module(self._name), name)


def quick_retries(**more: Any) -> Any:
    """Retries without waiting."""
    return python_client().RetryPolicy(**({"first_delay_s": 0.0} | more))


def async_client(url: str, **more: Any) -> Any:
    """A client for asyncio of the API, or server, at this address."""
    return python_client().AsyncVocalized(**({"base_url": url, "api_key": SECRET, "retries": quick_retries()} | more))


def thread_client(url: str, **more: Any) -> Any:
    """A client for threads of the API, or server, at this address."""
    return python_client().Vocalized(**({"base_url": url, "api_key": SECRET, "retries": quick_retries()} | more))
