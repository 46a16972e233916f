"""`vocalized doctor`: what this machine has, what it lacks, and what to do about it, in plain words."""

import re
import shutil
import socket
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vocalized import doctor_platform
from vocalized.findings import Check, Finding

OLDEST, NEWEST = (3, 11), (3, 13)
GROUP = "local"
_NEEDED_MB = 200
_MARKS = {True: ("ok", "green"), False: ("missing", "bold red")}


def examine(root: Path) -> list[Finding]:
    """Everything that media server, demo and platform need, then what is merely useful."""
    checks: tuple[Check, ...] = (
        _interpreter, _packages, _files, _models, _ports, _disk,
        doctor_platform.programs, doctor_platform.memory, doctor_platform.folder, doctor_platform.carriers,
        doctor_platform.ports, _microphone,
    )  # fmt: skip
    return [finding for check in checks for finding in check(root)]


def report(findings: Sequence[Finding], console: Console) -> int:
    """Prints the findings; returns the exit code: 1 when something needed is missing."""
    for finding in findings:
        word, style = _MARKS[finding.ok] if finding.ok or finding.needed else ("absent", "yellow")
        line = Text.assemble((f"{word:8}", style), (f"{finding.what:18}", "bold"), finding.detail)
        if not finding.ok and finding.remedy:
            line.append(f"\n{'':26}{finding.remedy}", style)
        console.print(line, soft_wrap=True)
    lacking = [finding.what for finding in findings if finding.needed and not finding.ok]
    console.print(f"\nmissing: {', '.join(lacking)}" if lacking else "\neverything that is needed is there")
    return 1 if lacking else 0


def _interpreter(root: Path) -> Iterator[Finding]:
    version = sys.version_info[:2]
    wanted = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    yield Finding(
        "interpreter",
        OLDEST <= version <= NEWEST,
        f"Python {sys.version.split()[0]} at {sys.executable}",
        f"Vocalized runs on Python {wanted}: install one and run `make setup` with it",
    )


def _packages(root: Path) -> Iterator[Finding]:
    try:
        groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        yield Finding("packages", False, f"pyproject.toml cannot be read: {error}", "run this from a whole checkout")
        return
    wanted = list(requirements(groups, GROUP))
    absent = [name for name in wanted if not _installed(name)]
    detail = f"{len(wanted) - len(absent)} of {len(wanted)} installed"
    if absent:
        detail += f"; not installed: {', '.join(absent)}"
    yield Finding("packages", not absent, detail, "run `make setup`, then use .venv/bin/python")


def requirements(groups: dict[str, list[object]], group: str) -> Iterator[str]:
    """The names that a dependency group of pyproject.toml asks for on this interpreter, groups that it includes too."""
    for entry in groups[group]:
        if isinstance(entry, dict):
            yield from requirements(groups, entry["include-group"])
        elif isinstance(entry, str) and _applies(entry.partition(";")[2]):
            yield re.split(r"[\s<>=!~;\[]", entry, maxsplit=1)[0]


def _applies(marker: str) -> bool:
    """Whether `python_version >= '3.13'` and the like hold here; markers of other kinds count as holding."""
    found = re.search(r"python_version\s*(>=|<)\s*['\"](\d+)\.(\d+)['\"]", marker)
    if found is None:
        return True
    bound = (int(found[2]), int(found[3]))
    return sys.version_info[:2] >= bound if found[1] == ">=" else sys.version_info[:2] < bound


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _files(root: Path) -> Iterator[Finding]:
    for what, path in (("plan", "config/plans/local.json"), ("sample recording", "config/samples/jfk.flac")):
        yield Finding(what, (root / path).is_file(), path, "run this from a whole checkout")


def _models(root: Path) -> Iterator[Finding]:
    """The files' own packages know their hashes; reading them takes a second."""
    try:
        from vocalized.local import faulty_models
    except ModuleNotFoundError as error:
        yield Finding("model files", False, f"cannot be looked at without the package {error.name}", "run `make setup`")
        return
    faults = faulty_models()
    yield Finding(
        "model files",
        not faults,
        "; ".join(faults) or "recogniser and voice are whole (hashes compared)",
        "a package's download was damaged: delete .venv and run `make setup` again",
    )


def _ports(root: Path) -> Iterator[Finding]:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2):
            detail, ok = "this machine can be called on 127.0.0.1", True
    except OSError as error:
        detail, ok = f"127.0.0.1 cannot be used: {error.strerror or error}", False
    yield Finding("ports", ok, detail, "the demo needs a local TCP port: check the sandbox's or firewall's rules")


def _disk(root: Path) -> Iterator[Finding]:
    free_mb = shutil.disk_usage(root).free // 1_000_000
    yield Finding(
        "disk", free_mb >= _NEEDED_MB, f"{free_mb:,} MB free at {root}", f"recordings and logs want {_NEEDED_MB} MB"
    )


def _microphone(root: Path) -> Iterator[Finding]:
    detail, ok = "the package sounddevice is not installed", False
    if find_spec("sounddevice"):
        try:
            import sounddevice  # type: ignore[import-untyped]  # ships no types

            count = len(sounddevice.query_devices())
            detail, ok = (f"{count} sound devices", True) if count else ("no sound device", False)
        except OSError:
            detail = "the PortAudio library is not installed"
    yield Finding("microphone", ok, detail, "only `call --mic` wants one (Debian: apt install libportaudio2)", False)
