"""Starts the media program: settings in, parts made, server run."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from config.settings import MediaSettings, SettingsError, media_settings
from media.server.limits import Limits
from media.server.serve import Options, run_worker
from shared.logs import configure_logs
from shared.plan import CallPlan, PlanError, read_plan
from shared.supervisor import Supervisor, worker_count


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after a clean stop, 2 for bad arguments, settings or plan."""
    arguments = _parser().parse_args(argv)
    try:
        settings = media_settings()
        plan = read_plan(arguments.plan)
    except (SettingsError, PlanError) as error:
        print(f"media: {error}", file=sys.stderr)
        return 2
    configure_logs(settings.log_level)
    with ExitStack() as stack:
        engine = arguments.engine or settings.local_engine_socket or _start_engine(plan, stack)
        if arguments.workers > 1:
            return _supervise(arguments, engine, stack)
        return _run(arguments, settings, plan, engine)


def _run(arguments: argparse.Namespace, settings: MediaSettings, plan: CallPlan, engine: str) -> int:
    host = arguments.host or settings.media_host
    state = arguments.state or settings.media_state
    options = Options(host, arguments.port, plan, state, _limits(settings), engine, arguments.shared_port)
    try:
        run_worker(options)
    except PlanError as error:
        print(f"media: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"media: cannot listen on {host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _supervise(arguments: argparse.Namespace, engine: str, stack: ExitStack) -> int:
    metrics = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocalized-metrics-"))
    command = [sys.executable, "-m", "media", "--port", str(arguments.port), "--plan", str(arguments.plan)]
    command += ["--shared-port"]
    command += ["--host", arguments.host] if arguments.host else []
    command += ["--state", str(arguments.state)] if arguments.state else []
    command += ["--engine", engine] if engine else []
    return Supervisor(command, arguments.workers, {"PROMETHEUS_MULTIPROC_DIR": metrics}).run()


def _start_engine(plan: CallPlan, stack: ExitStack) -> str:
    """Starts the machine's local speech engine when the plan needs it; returns its socket."""
    if not any(choice.provider == "local" for choice in [*plan.stt, *plan.tts]):
        return ""
    from media.providers.local.host import running_host  # the models' packages are optional

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocalized-engine-"))
    path = Path(folder) / "engine.sock"
    stack.enter_context(running_host(path))
    return str(path)


def _limits(settings: MediaSettings) -> Limits:
    return Limits(
        max_calls=settings.media_max_calls,
        max_message_bytes=settings.media_max_message_bytes,
        max_messages_per_s=settings.media_max_messages_per_s,
        start_timeout_s=settings.media_start_timeout_s,
        receive_timeout_s=settings.media_receive_timeout_s,
        send_timeout_s=settings.media_send_timeout_s,
        max_outbox_bytes=settings.media_max_outbox_bytes,
        drain_timeout_s=settings.media_drain_timeout_s,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m media", description="Carries phone calls: the media server.")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--plan", type=Path, required=True, help="plan file that every stream gets")
    parser.add_argument("--host", default="", help="address to listen on (VOCALIZED_MEDIA_HOST, 127.0.0.1)")
    parser.add_argument("--workers", type=worker_count, default=1, help="processes, one event loop each")
    parser.add_argument("--state", type=Path, help="folder for events and recordings (VOCALIZED_MEDIA_STATE)")
    parser.add_argument("--engine", default="", help="socket of a running local speech engine")
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
