"""The command line of the media program: reads settings and runs the server."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from config.settings import PREFIX, MediaSettings, SettingsError, media_settings
from media.providers.health_record import HealthPolicy
from media.providers.turn_teacher.process import running_teacher
from media.providers.vendor import Vendor
from media.server.bus.credentials import CredentialsFault, make_credentials
from media.server.limits import WorkerLimits
from media.server.worker_process import WorkerBusOptions, WorkerOptions, make_url, run_worker
from media.turn.completeness import CompletenessModel, load_completeness_model
from media.turn.onnx_models import ModelError
from shared.logs import configure_logs
from shared.plan import CallPlan, PlanError, read_plan
from shared.process_metrics import metrics_folder
from shared.secrets import new_key
from shared.storage import check_storage_url
from shared.supervisor import Supervisor, worker_count
from vendors.registry import NAMES, load

log = structlog.get_logger()

NODE_KEY: Final = f"{PREFIX}MEDIA_NODE_KEY"

VENDORS: Final[tuple[Vendor, ...]] = tuple(load(name, "media").VENDOR for name in NAMES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program. Return the exit code: 0 after a clean stop, 2 for bad arguments, settings or plan."""
    arguments = _parser().parse_args(argv)
    try:
        settings = media_settings()
        plan = read_plan(arguments.plan) if arguments.plan else None
        options = _options(arguments, settings, plan)
    except (SettingsError, PlanError) as error:
        print(f"media: {error}", file=sys.stderr)
        return 2
    configure_logs(settings.log_level)
    if options.bus is not None and not settings.media_pass:
        log.warning("settings.deprecated", setting=f"{PREFIX}SECRET_KEYS", instead=f"{PREFIX}MEDIA_PASS")
    with ExitStack() as stack:
        engine = arguments.engine or settings.local_engine_socket or _start_engine(plan, stack)
        teacher = arguments.teacher or (_start_teacher(stack) if settings.media_turn_teacher else "")
        if arguments.workers > 1:
            return _supervise(arguments, engine, teacher, stack)
        return _run(replace(options, engine_socket=engine, teacher_socket=teacher))


def check_settings(settings: MediaSettings) -> None:
    """Check the settings of a node on the bus, as the start does. Raises SettingsError."""
    _options(_parser().parse_args(["--port", "0"]), settings, None)


def _run(options: WorkerOptions) -> int:
    try:
        run_worker(options)
    except PlanError as error:
        print(f"media: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = f"open {error.filename}" if error.filename else f"listen on {options.host}:{options.port}"
        print(f"media: cannot {place}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: argparse.Namespace, settings: MediaSettings, plan: CallPlan | None) -> WorkerOptions:
    """Make the worker's options. Raises SettingsError."""
    tokens = tuple(token.get_secret_value() for _, token in settings.twilio_auth_tokens)
    faults = [] if tokens or not settings.media_require_signature else [("TWILIO_AUTH_TOKENS", "nothing to check with")]
    bus = None if plan is not None else _bus(arguments, settings, faults)
    completeness = _completeness(settings, faults)
    if faults:
        raise SettingsError("settings: " + "; ".join(f"{PREFIX}{name}: {fault}" for name, fault in faults))
    return WorkerOptions(
        host=arguments.host or settings.media_host,
        port=arguments.port,
        state=arguments.state or settings.media_state,
        limits=_limits(settings),
        vendors=VENDORS,
        plan=plan,
        bus=bus,
        public_url=settings.media_public_url,
        signing_tokens=tokens,
        require_signature=settings.media_require_signature,
        shared_keys={key: secret.get_secret_value() for key, secret in settings.twilio_shared_keys},
        shared_port=arguments.shared_port,
        health=HealthPolicy(
            cool_down_s=settings.media_provider_cool_down_s,
            max_cool_down_s=settings.media_provider_max_cool_down_s,
        ),
        egress_allow=settings.egress_allow,
        completeness=completeness,
    )


def _bus(
    arguments: argparse.Namespace, settings: MediaSettings, faults: list[tuple[str, str]]
) -> WorkerBusOptions | None:
    """Make the options of the bus. Adds setting errors to `faults`, and returns None if there are any."""
    redis_url, known = settings.redis_url.get_secret_value(), len(faults)
    if not redis_url:
        faults.append(("REDIS_URL", "needed without --plan"))
    url = make_url(settings.media_public_url, arguments.host or settings.media_host, arguments.port)
    try:
        credentials = make_credentials(settings, url)
    except CredentialsFault as fault:
        faults.append((fault.setting, str(fault)))
    try:
        if settings.storage_url:
            check_storage_url(settings.storage_url)
    except ValueError as error:
        faults.append(("STORAGE_URL", str(error)))
    if len(faults) > known:
        return None
    return WorkerBusOptions(
        redis_url=redis_url,
        node_credential=credentials.node_credential,
        node_key=credentials.node_key,
        unsigned_keys=credentials.unsigned_keys,
        storage_url=settings.storage_url,
        name=settings.media_node,
        beat_s=settings.media_heartbeat_s,
        timeout_s=settings.media_bus_timeout_s,
        spool_max_bytes=settings.media_spool_max_bytes,
        max_requests=settings.media_max_requests,
    )


def _completeness(settings: MediaSettings, faults: list[tuple[str, str]]) -> CompletenessModel | None:
    """Load the model that the settings name, or None if they name none. Adds setting errors to `faults`."""
    path, sha256 = settings.media_completeness_model, settings.media_completeness_sha256
    if bool(path) != bool(sha256):
        missing, given = ("SHA256", "MODEL") if path else ("MODEL", "SHA256")
        faults.append((f"MEDIA_COMPLETENESS_{missing}", f"needed with {PREFIX}MEDIA_COMPLETENESS_{given}"))
        return None
    try:
        return load_completeness_model(Path(path), sha256=sha256) if path else None
    except ModelError as error:
        faults.append(("MEDIA_COMPLETENESS_MODEL", str(error)))
        return None


def _supervise(arguments: argparse.Namespace, engine: str, teacher: str, stack: ExitStack) -> int:
    metrics = stack.enter_context(metrics_folder())
    command = [sys.executable, "-m", "media", "--port", str(arguments.port), "--shared-port"]
    command += ["--plan", str(arguments.plan)] if arguments.plan else []
    command += ["--host", arguments.host] if arguments.host else []
    command += ["--state", str(arguments.state)] if arguments.state else []
    command += ["--engine", engine] if engine else []
    command += ["--teacher", teacher] if teacher else []
    environment = {"PROMETHEUS_MULTIPROC_DIR": metrics}
    # The processes share a port, so a socket may reach another process than the one for which its ticket is sealed.
    environment |= {} if os.environ.get(NODE_KEY) else {NODE_KEY: new_key()}
    return Supervisor(command, arguments.workers, environment).run()


def _start_engine(plan: CallPlan | None, stack: ExitStack) -> str:
    """Start the local speech engine if the plan needs it. Return its socket, or an empty text.

    On the bus the plans are not known yet, so the engine is started separately.
    """
    if plan is None or not any(choice.vendor_name == "local" for choice in [*plan.stt, *plan.tts]):
        return ""
    from media.providers.local.host import running_engine  # the models' packages are optional

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocalized-engine-"))
    path = Path(folder) / "engine.sock"
    stack.enter_context(running_engine(path))
    return str(path)


def _start_teacher(stack: ExitStack) -> str:
    """Start the teacher of the completeness model and return its socket. Nothing waits for the teacher."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vocalized-teacher-"))
    path = Path(folder) / "teacher.sock"
    stack.enter_context(running_teacher(path))
    return str(path)


def _limits(settings: MediaSettings) -> WorkerLimits:
    return WorkerLimits(
        max_calls=settings.media_max_calls,
        max_pending=settings.media_max_waiting,
        max_message_bytes=settings.media_max_message_bytes,
        max_messages_per_s=settings.media_max_messages_per_s,
        start_timeout_s=settings.media_start_timeout_s,
        receive_timeout_s=settings.media_receive_timeout_s,
        send_timeout_s=settings.media_send_timeout_s,
        max_outbox_bytes=settings.media_max_outbox_bytes,
        max_recording_backlog_bytes=settings.media_max_recording_backlog_bytes,
        max_listeners=settings.media_max_listeners,
        listener_stall_s=settings.media_listener_stall_s,
        listener_requests_at_once=settings.media_listener_requests_at_once,
        listener_requests_per_s=settings.media_listener_requests_per_s,
        drain_timeout_s=settings.media_drain_timeout_s,
        teacher_calls=settings.media_turn_teacher_calls,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m media",
        description="Carries phone calls: the media server. `python -m media doctor` lists what a node lacks.",
    )
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--plan", type=Path, help="plan file that every stream gets; without it, plans come from Redis")
    parser.add_argument("--host", default="", help="address to listen on (VOCALIZED_MEDIA_HOST, 127.0.0.1)")
    parser.add_argument("--workers", type=worker_count, default=1, help="processes, one event loop each")
    parser.add_argument("--state", type=Path, help="folder for events and recordings (VOCALIZED_MEDIA_STATE)")
    parser.add_argument("--engine", default="", help="socket of a running local speech engine")
    parser.add_argument("--teacher", default="", help=argparse.SUPPRESS)
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    return parser
