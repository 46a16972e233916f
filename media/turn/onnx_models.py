"""Opens the neural models of this package."""

import importlib.util
from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]  # ships no types
from onnxruntime.capi import onnxruntime_pybind11_state as errors  # type: ignore[import-untyped]

# Silero's model for 8 kHz, flattened by tools/flat_silero.py (docs/decisions/0015).
SILERO = Path(__file__).parent / "data" / "silero_8k.onnx"
# The path inside pipecat.
SMART_TURN = Path("audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx")

# The runtime raises these for a file that is not a usable model. Their only common base is Exception.
_MODEL_ERRORS = (errors.NoSuchFile, errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument, errors.Fail)


class ModelError(Exception):
    """A model file is missing or is not the expected model. The message names the file."""


def find_pipecat_file(name: Path) -> Path:
    """Return a data file of the installed pipecat package (SMART_TURN), found without importing the package.

    Raises ModelError if the package or the file is missing.
    """
    spec = importlib.util.find_spec("pipecat")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    raise ModelError(f"pipecat/{name}: not found; install the dependency group `media`")


def open_session(path: Path, inputs: set[str], threads: int) -> onnxruntime.InferenceSession:
    """Open an ONNX model on the CPU. Raises ModelError if it cannot be read or has other inputs than `inputs`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take a core from the calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _MODEL_ERRORS as error:
        raise ModelError(f"{path.name}: {error}") from error
    if (found := {item.name for item in session.get_inputs()}) != inputs:
        raise ModelError(f"{path.name}: takes {sorted(found)}, expected {sorted(inputs)}")
    return session
