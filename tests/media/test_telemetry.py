"""Nothing is reported to others: onnxruntime's telemetry client is off before it is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", ["media.providers.local.models", "media.turn.onnx_models"])
def test_telemetry_of_onnxruntime_is_off_when_it_is_imported(module: str) -> None:
    program = f"""
import builtins, os, sys
real = builtins.__import__
def check(name, *rest, **names):
    if name == "onnxruntime" and name not in sys.modules:
        print(os.environ.get("ORT_DISABLE_TELEMETRY"))
    return real(name, *rest, **names)
builtins.__import__ = check
import {module}
"""
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.splitlines()[:1] == ["1"], found.stderr
