"""The media program, which carries the calls."""

import os

# The wheels of onnxruntime contain a client that reports to its vendor. onnxruntime reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
