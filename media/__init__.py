"""The media program, which carries the calls."""

import os

# The wheels of onnxruntime hold a client that reports to its maker. Read when onnxruntime is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
