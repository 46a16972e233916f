"""Several processes of the API on one port."""

import sys

from shared.process_metrics import metrics_folder
from shared.supervisor import Supervisor


def supervise(host: str, port: int, workers: int) -> int:
    """Runs `workers` API processes until it is told to stop; those that end are started again. host: empty for that of
    the settings. Returns the exit code."""
    command = [sys.executable, "-m", "control", "api", "--port", str(port), "--shared-port"]
    command += ["--host", host] if host else []
    with metrics_folder() as metrics:
        return Supervisor(command, workers, {"PROMETHEUS_MULTIPROC_DIR": metrics}).run()
