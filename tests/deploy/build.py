"""Builds the images without a container engine: `python -m tests.deploy.build [media|control|speech]`.

Runs each Dockerfile's very RUN and COPY steps, in empty folders instead of empty file systems, with this interpreter in
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
# What our Dockerfiles name from the root on; each stands below the stage's own folder here.
_PLACES = ("/opt/venv", "/app", "/build", "/var/lib/vocalized", "/var/lib/speech")
# Images that are another's with build arguments.
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {"speech": ("media", {"PACKAGES": "local"})}
_TALK = """
import asyncio, sys
from pathlib import Path
from media.providers.local.client import EngineClient
from media.providers.local.host import running_host

async def talk(path):
    client = EngineClient(path)
    speech = await client.synthesise("Good morning, how can I help you?")
    print((await client.transcribe(speech.pcm, 8_000)).text)
    await client.close()

with running_host(Path(sys.argv[1])):
    asyncio.run(talk(Path(sys.argv[1])))
"""


class StepFailed(Exception):
    """A step of a Dockerfile did not work; the message names it."""


def stages_of(name: str) -> list[Stage]:
    """Of an image: a program's, or a variant of it."""
    program, arguments = VARIANTS.get(name, (name, {}))
    return read_dockerfile(ROOT / f"Dockerfile.{program}", arguments)


def build(name: str, folder: Path) -> Path:
    """Builds an image below `folder`; returns the image's folder. Raises StepFailed."""
    made: dict[str, Path] = {}
    for number, stage in enumerate(stages_of(name)):
        place = made[stage.name] = folder / f"stage-{number}"
        place.mkdir(parents=True)
        workdir = "/"
        for step in stage.steps:
            if step.word == "WORKDIR":
                workdir = step.rest
                _inside(place, workdir).mkdir(parents=True, exist_ok=True)
            elif step.word == "COPY":
                _copy(step, place, workdir, made)
            elif step.word == "RUN":
                _run(step, place, workdir, stage.environment)
    return made[""]


def copy_rooms(program: str, folder: Path) -> Path:
    """Only what the image takes from the repository; returns the folder that its program starts in."""
    stage = read_dockerfile(ROOT / f"Dockerfile.{program}")[-1]
    for step in stage.all("COPY"):
        if "from" not in step.flags:
            _copy(step, folder, stage.last("WORKDIR"), {})
    return _inside(folder, stage.last("WORKDIR"))


def start(image: Path, stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the image's entry point with these arguments, from its own folders."""
    return _python(image, stage, *stage.command("ENTRYPOINT")[1:], *arguments)


def talk(image: Path, stage: Stage) -> subprocess.CompletedProcess[str]:
    """Has the speech engine in an image say a sentence and understand it; its words come out."""
    return _python(image, stage, "-c", _TALK, str(_inside(image, "/var/lib/speech/engine.sock")))


def _python(image: Path, stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = _inside(image, "/opt/venv/bin/python")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [str(python), *arguments], cwd=_inside(image, stage.last("WORKDIR")), env=environment,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def _copy(step: Step, place: Path, workdir: str, made: Mapping[str, Path]) -> None:
    *sources, target = step.paths
    origin = step.flags.get("from")
    for source in sources:
        there = _inside(made[origin], source) if origin else ROOT / source
        here = _inside(place, str(Path(workdir, target)))
        if there.is_dir():
            shutil.copytree(
                there, here, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
            )
        else:
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there, here)


def _run(step: Step, place: Path, workdir: str, more: Mapping[str, str]) -> None:
    command = step.rest
    for name in _PLACES:
        command = command.replace(name, str(_inside(place, name)))
    if os.getuid():  # only root gives files away
        command = f"chown() {{ :; }}; {command}"
    # `python` of a base image is the interpreter itself, wherever this one came from.
    command = f'python() {{ "{Path(sys.executable).resolve()}" "$@"; }}; {command}'
    print(f"RUN {step.rest}", flush=True)
    done = subprocess.run(["/bin/sh", "-ec", command], cwd=_inside(place, workdir), env={**os.environ, **more})
    if done.returncode:
        raise StepFailed(f"RUN {step.rest}: exit code {done.returncode}")


def _inside(place: Path, path: str) -> Path:
    return place / path.strip("/")


def main() -> int:
    """Builds what the command line names, or all."""
    for name in sys.argv[1:] or (*PROGRAMS, *VARIANTS):
        with TemporaryDirectory(prefix=f"vocalized-image-{name}-") as folder:
            try:
                image = build(name, Path(folder))
            except StepFailed as failed:
                print(f"{name}: {failed}", file=sys.stderr)
                return 1
            last = stages_of(name)[-1]
            done = [start(image, last, "--help"), *([talk(image, last)] if name == "speech" else [])]
            print("".join(one.stdout + one.stderr for one in done))
            if any(one.returncode for one in done) or not all(one.stdout for one in done):
                return 1
            print(f"{name}: built, and it answers\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
