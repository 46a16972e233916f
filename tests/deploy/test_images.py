"""The Dockerfiles: they copy exactly what is needed, and declare what an orchestrator needs.

`python -m tests.deploy.build` runs their steps with the packages downloaded anew.
"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from control.api.guide import FOLDER
from tests.deploy.build import PROGRAMS, copy_rooms, stages_of
from tests.deploy.dockerfile import Stage, Step, read_dockerfile
from tests.deploy.manifests import ROOT, known
from tools.guide.pages import ROOT_PAGES

# Runs a program once for each command, with only the packages of its lock: all others raise ModuleNotFoundError.
WITHOUT = """
import runpy, sys
strangers = set({strangers!r})
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in strangers:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Wall())
for arguments in {commands!r}:
    sys.argv[1:] = arguments
    try:
        runpy.run_module({program!r}, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{{arguments}}: {{ended.code}}")
"""


def image(program: str) -> Stage:
    return read_dockerfile(ROOT / f"Dockerfile.{program}")[-1]


def unlocked_packages(program: str) -> list[str]:
    """Top-level names of installed packages that the program's lock does not hold."""
    lock = (ROOT / "requirements" / f"{program}.txt").read_text()
    locked = {_plain(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    found = packages_distributions()
    return [name for name, owners in found.items() if not any(_plain(owner) in locked for owner in owners)]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run(
    program: str, folder: Path, *commands: list[str], packages: str = "", module: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the program once for each command, in one process. packages: another lock than the program's. module: run
    instead of the program."""
    script = WITHOUT.format(
        strangers=unlocked_packages(packages or program), program=module or program, commands=list(commands) or [[]]
    )
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("program", "commands"),
    [
        ("media", [["--help"], ["doctor", "--help"]]),
        ("control", [["--help"], ["api", "--help"], ["worker", "--help"], ["migrate", "--help"], ["doctor", "--help"]]),
    ],
)
def test_copied_folders_and_locked_packages_are_enough_to_start(
    program: str, commands: list[list[str]], tmp_path: Path
) -> None:
    app = copy_rooms(program, tmp_path)
    result = run(program, app, *commands)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("usage:") == len(commands)


def test_sdks_of_the_carriers_are_locked(tmp_path: Path) -> None:
    """They are loaded once a carrier is set up, not at the start."""
    app = copy_rooms("control", tmp_path)
    (app / "gateways.py").write_text("import control.carriers.telnyx, control.carriers.twilio")
    result = run("control", app, module="gateways")
    assert result.returncode == 0, result.stderr


def test_nodes_reach_the_speech_engine_without_its_packages(tmp_path: Path) -> None:
    app = copy_rooms("media", tmp_path)
    (app / "reach.py").write_text("import media.providers.local.client, media.providers.local.stt\n"
                                  "import media.providers.local.tts")  # fmt: skip
    result = run("media", app, module="reach")
    assert result.returncode == 0, result.stderr


def test_speech_engine_finds_its_packages_in_the_speech_image(tmp_path: Path) -> None:
    """Including the models' packages, imported at its start; `python -m tests.deploy.build speech` runs it."""
    app = copy_rooms("media", tmp_path)
    (app / "engines.py").write_text("import media.providers.local.engine_loader")
    assert run("media", app, module="engines").returncode == 1
    result = run("media", app, packages="local", module="engines")
    assert result.returncode == 0, result.stderr
    first, _ = stages_of("speech")
    assert first.steps_with("COPY") == [Step("COPY", "requirements/local.txt /build/requirements.txt")]


def test_missing_folder_would_be_noticed(tmp_path: Path) -> None:
    app = copy_rooms("media", tmp_path)
    shutil.rmtree(app / "shared")
    result = run("media", app, ["--help"])
    assert result.returncode == 1 and "shared" in result.stderr


def test_package_that_is_not_locked_would_be_noticed(tmp_path: Path) -> None:
    assert {"asyncpg", "twilio", "pytest"} <= set(unlocked_packages("media"))
    assert {"numpy", "onnxruntime", "pytest"} <= set(unlocked_packages("control"))
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "__main__.py").write_text("import asyncpg")
    result = run("media", tmp_path, ["--help"])
    assert result.returncode == 1 and "asyncpg" in result.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_image_holds_only_its_own_folders(program: str) -> None:
    copied = [step.paths[0].strip("/") for step in image(program).steps_with("COPY") if "from" not in step.flags]
    pages = ["console"] if program == "control" else []
    assert sorted(copied) == sorted(["config", "shared", "vendors", program, *pages])


@pytest.mark.parametrize("program", PROGRAMS)
def test_packages_are_installed_from_the_lock(program: str) -> None:
    stages = {stage.name: stage for stage in read_dockerfile(ROOT / f"Dockerfile.{program}")}
    first, last = stages["packages"], stages[""]
    assert {stage.base for stage in stages.values()} == {first.base} and first.base.startswith("python:3.12-slim@")
    (install,) = [
        step.arguments
        for step in first.steps_with("RUN")
        if "install --" in step.arguments and "uninstall" not in step.arguments
    ]
    assert "--no-deps --require-hashes -r /build/requirements.txt" in install
    assert first.steps_with("COPY") == [Step("COPY", f"requirements/{program}.txt /build/requirements.txt")]
    site = ["--from=guide /app/var/guide/ var/guide/"] if program == "control" else []
    assert [step.arguments for step in last.steps_with("COPY") if "from" in step.flags] == [
        "--from=packages /opt/venv /opt/venv",
        *site,
    ]


def test_the_image_has_the_site_of_the_documents() -> None:
    stages = {stage.name: stage for stage in stages_of("control")}
    copied = {step.paths[0].rstrip("/") for step in stages["guide"].steps_with("COPY")}
    assert {"docs", "tools/guide", "requirements/guide.txt", *ROOT_PAGES} == copied
    assert FOLDER.relative_to(ROOT).as_posix() == "var/guide"
    (install,) = [step.arguments for step in stages["guide"].steps_with("RUN") if "pip install" in step.arguments]
    assert "--no-deps --require-hashes -r /build/requirements.txt" in install


@pytest.mark.parametrize("program", PROGRAMS)
def test_image_has_an_unprivileged_user_and_a_stop_signal(program: str) -> None:
    image_stage = image(program)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image_stage.last_arguments("USER"))
    assert image_stage.last_arguments("STOPSIGNAL") == "SIGTERM"
    assert image_stage.command_of("ENTRYPOINT") == ["python", "-m", program]
    assert [step.keyword for step in image_stage.steps].index("USER") > max(
        number for number, step in enumerate(image_stage.steps) if step.keyword in ("COPY", "RUN")
    )
    assert image_stage.environment["PYTHONDONTWRITEBYTECODE"] == "1"  # the root file system may be read-only
    assert {name for name in image_stage.environment if name.startswith("VOCALIZED_")} <= known(program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_health_check_uses_the_listening_port_and_fails_without_an_answer(program: str) -> None:
    image_stage = image(program)
    health, port = image_stage.command_of("HEALTHCHECK"), image_stage.last_arguments("EXPOSE")
    assert f":{port}/healthz" in health[-1] and port in image_stage.command_of("CMD")
    compile(health[-1], "HEALTHCHECK", "exec")
    unanswered = health[-1].replace(f":{port}/", ":1/")
    assert subprocess.run([sys.executable, "-c", unanswered], capture_output=True, timeout=30).returncode == 1


@pytest.mark.parametrize("program", [*PROGRAMS, "speech", "backup"])
def test_copied_files_are_not_ignored(program: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    sources = {
        step.paths[0].strip("/")
        for stage in stages_of(program)
        for step in stage.steps_with("COPY")
        if "from" not in step.flags
    }
    assert sources <= allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_backup_image_is_controls_code_beside_the_servers_own_programs() -> None:
    (stage,) = stages_of("backup")
    control_stage = image("control")
    copied = [step for step in stage.steps_with("COPY") if step.paths[0].endswith("/")]
    code = [step for step in control_stage.steps_with("COPY") if "from" not in step.flags]
    assert copied == [step for step in code if step.paths[0] != "console/"]
    (install,) = [step.arguments for step in stage.steps_with("RUN") if "pip install" in step.arguments]
    assert "--no-deps --require-hashes -r /build/requirements.txt" in install
    assert Step("COPY", "requirements/control.txt /build/requirements.txt") in stage.steps
    assert stage.last_arguments("USER") == control_stage.last_arguments("USER")
    assert stage.command_of("ENTRYPOINT") == ["python", "-m", "control", "backups"]
