"""Processes of the API: one, or several on one port."""

import sys

from control.app import ApiOptions, open_app, prepare_app
from control.http.server import ListenOptions, serve, stop_signal, tune_garbage_collector
from shared.process_metrics import metrics_folder
from shared.supervisor import Supervisor


async def serve_api(options: ApiOptions, listen: ListenOptions) -> None:
    """Serves the API in this process until it is told to stop. Raises as `open_app` does, and OSError for the port."""
    stop = stop_signal()
    async with open_app(options) as app:
        prepare_app(app)
        tune_garbage_collector()
        await serve(app, listen, stop)


def run_processes(port: int, host: str, count: int) -> int:
    """Runs processes that share the port until this one is told to stop; returns the exit code. host: empty for the
    setting's."""
    command = [sys.executable, "-m", "control", "api", "--port", str(port), "--shared-port"]
    command += ["--host", host] if host else []
    with metrics_folder() as metrics:
        return Supervisor(command, count, {"PROMETHEUS_MULTIPROC_DIR": metrics}).run()
