"""Runs the API, its supervisor and the worker until a stop signal."""

import argparse
import sys

import uvloop

from control.app import ApiOptions, open_app, prepare_app
from control.http.server import ListenOptions, serve, stop_signal, tune_garbage_collector
from control.worker import BackgroundWorkerOptions, run_worker
from shared.process_metrics import metrics_folder
from shared.supervisor import Supervisor


def serve_api(options: ApiOptions, listen: ListenOptions) -> None:
    """One process of the API."""
    uvloop.run(_serve_api(options, listen))


async def _serve_api(options: ApiOptions, listen: ListenOptions) -> None:
    stop = stop_signal()
    async with open_app(options) as app:
        prepare_app(app)
        tune_garbage_collector()
        await serve(app, listen, stop)


def supervise_api(arguments: argparse.Namespace) -> int:
    """Several processes of the API on one port; returns the exit code."""
    command = [sys.executable, "-m", "control", "api", "--port", str(arguments.port), "--shared-port"]
    command += ["--host", arguments.host] if arguments.host else []
    with metrics_folder() as metrics:
        return Supervisor(command, arguments.workers, {"PROMETHEUS_MULTIPROC_DIR": metrics}).run()


def serve_worker(options: BackgroundWorkerOptions) -> None:
    """The worker."""
    uvloop.run(_run_worker(options))


async def _run_worker(options: BackgroundWorkerOptions) -> None:
    await run_worker(options, stop_signal())
