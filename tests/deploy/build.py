"""Builds the images without a container engine: `python -m tests.deploy.build [media|control|speech]`.

Runs the RUN and COPY steps of each Dockerfile, in empty folders instead of empty file systems, with this interpreter in
place of the base image's; then the image's program answers --help, from its own rooms and packages only. Downloads
what the locked requirements name. "speech" is media's image with the packages of local speech; it must say a sentence
and understand it. Exit code 1: a step failed; its output is above.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.deploy.dockerfile import Stage, Step, read_dockerfile

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("media", "control")
# Absolute paths in our Dockerfiles; here each is below the stage's folder.
_ABSOLUTE_PATHS = ("/opt/venv", "/app", "/build", "/var/lib/vocalized", "/var/lib/speech")
# Images that are built from a program's Dockerfile with build arguments.
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {"speech": ("media", {"PACKAGES": "local"})}
_SPEECH_SCRIPT = """
import asyncio, sys
from pathlib import Path
from media.providers.local.client import EngineClient
from media.providers.local.host import running_engine

async def talk(path):
    client = EngineClient(path)
    speech = await client.synthesise("Good morning, how can I help you?")
    print((await client.transcribe(speech.pcm, 8_000)).text)
    await client.close()

with running_engine(Path(sys.argv[1])):
    asyncio.run(talk(Path(sys.argv[1])))
"""


class StepFailed(Exception):
    """A step of a Dockerfile failed; the message names it."""


def stages_of(name: str) -> list[Stage]:
    """The build stages of an image. name: a program, or a variant of one."""
    program, arguments = VARIANTS.get(name, (name, {}))
    return read_dockerfile(ROOT / f"Dockerfile.{program}", arguments)


def build(name: str, folder: Path) -> Path:
    """Builds an image below `folder`; returns the image's folder. Raises StepFailed."""
    stages: dict[str, Path] = {}
    for number, stage in enumerate(stages_of(name)):
        root = stages[stage.name] = folder / f"stage-{number}"
        root.mkdir(parents=True)
        workdir = "/"
        for step in stage.steps:
            if step.keyword == "WORKDIR":
                workdir = step.arguments
                path_inside(root, workdir).mkdir(parents=True, exist_ok=True)
            elif step.keyword == "COPY":
                _copy(step, root, workdir, stages)
            elif step.keyword == "RUN":
                _run(step, root, workdir, stage.environment)
    return stages[""]


def copy_rooms(program: str, folder: Path) -> Path:
    """Copies only what the image takes from the repository; returns the folder that its program starts in."""
    stage = read_dockerfile(ROOT / f"Dockerfile.{program}")[-1]
    for step in stage.steps_with("COPY"):
        if "from" not in step.flags:
            _copy(step, folder, stage.last_arguments("WORKDIR"), {})
    return path_inside(folder, stage.last_arguments("WORKDIR"))


def run_entry_point(image: Path, stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the image's entry point with these arguments, from its own folders."""
    return run_python(image, stage, *stage.command_of("ENTRYPOINT")[1:], *arguments)


def say_and_recognize(image: Path, stage: Stage) -> subprocess.CompletedProcess[str]:
    """Lets the speech engine in an image say a sentence and recognize it; prints the text."""
    return run_python(image, stage, "-c", _SPEECH_SCRIPT, str(path_inside(image, "/var/lib/speech/engine.sock")))


def run_python(image: Path, stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = path_inside(image, "/opt/venv/bin/python")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [str(python), *arguments], cwd=path_inside(image, stage.last_arguments("WORKDIR")), env=environment,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def _copy(step: Step, root: Path, workdir: str, stages: Mapping[str, Path]) -> None:
    *sources, target = step.paths
    origin = step.flags.get("from")
    for source in sources:
        source_path = path_inside(stages[origin], source) if origin else ROOT / source
        target_path = path_inside(root, str(Path(workdir, target)))
        if source_path.is_dir():
            shutil.copytree(
                source_path,
                target_path,
                symlinks=True,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
        else:
            target_path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source_path, target_path)


def _run(step: Step, root: Path, workdir: str, environment: Mapping[str, str]) -> None:
    command = step.arguments
    for name in _ABSOLUTE_PATHS:
        command = command.replace(name, str(path_inside(root, name)))
    if os.getuid():  # only root may change a file's owner
        command = f"chown() {{ :; }}; {command}"
    # In a base image `python` is the interpreter; here it is the one that runs this script.
    command = f'python() {{ "{Path(sys.executable).resolve()}" "$@"; }}; {command}'
    print(f"RUN {step.arguments}", flush=True)
    result = subprocess.run(
        ["/bin/sh", "-ec", command], cwd=path_inside(root, workdir), env={**os.environ, **environment}
    )
    if result.returncode:
        raise StepFailed(f"RUN {step.arguments}: exit code {result.returncode}")


def path_inside(root: Path, path: str) -> Path:
    return root / path.strip("/")


def main() -> int:
    """Builds the images named on the command line, or all."""
    for name in sys.argv[1:] or (*PROGRAMS, *VARIANTS):
        with TemporaryDirectory(prefix=f"vocalized-image-{name}-") as folder:
            try:
                image = build(name, Path(folder))
            except StepFailed as failed:
                print(f"{name}: {failed}", file=sys.stderr)
                return 1
            last = stages_of(name)[-1]
            results = [
                run_entry_point(image, last, "--help"),
                *([say_and_recognize(image, last)] if name == "speech" else []),
            ]
            print("".join(run.stdout + run.stderr for run in results))
            if any(run.returncode for run in results) or not all(run.stdout for run in results):
                return 1
            print(f"{name}: built; its program starts\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
