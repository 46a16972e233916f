"""Checks of the machine: interpreter, packages, files, models, network, disk and sound.

Imports the standard library only at the top, because the doctor must run where packages are missing.
"""

import re
import socket
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from shared.doctor import DoctorFinding, check_disk

OLDEST, NEWEST = (3, 11), (3, 13)
GROUP = "local"


def interpreter(root: Path) -> Iterator[DoctorFinding]:
    """The Python version."""
    version = sys.version_info[:2]
    wanted = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    yield DoctorFinding(
        "interpreter",
        OLDEST <= version <= NEWEST,
        f"Python {sys.version.split()[0]} at {sys.executable}",
        f"Vocalized runs on Python {wanted}: install one and run `make setup` with it",
    )


def packages(root: Path) -> Iterator[DoctorFinding]:
    """The packages of the dependency group `local`."""
    try:
        groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        yield DoctorFinding(
            "packages", False, f"pyproject.toml cannot be read: {error}", "run this from a whole checkout"
        )
        return
    wanted = list(requirements(groups, GROUP))
    absent = [name for name in wanted if not _installed(name)]
    detail = f"{len(wanted) - len(absent)} of {len(wanted)} installed"
    if absent:
        detail += f"; not installed: {', '.join(absent)}"
    yield DoctorFinding("packages", not absent, detail, "run `make setup`, then use .venv/bin/python")


def requirements(groups: dict[str, list[object]], group: str) -> Iterator[str]:
    """The package names of a dependency group of pyproject.toml on this interpreter, with the groups it includes."""
    for entry in groups[group]:
        if isinstance(entry, dict):
            yield from requirements(groups, entry["include-group"])
        elif isinstance(entry, str) and _applies(entry.partition(";")[2]):
            yield re.split(r"[\s<>=!~;\[]", entry, maxsplit=1)[0]


def _applies(marker: str) -> bool:
    """Whether a marker like `python_version >= '3.13'` holds here; markers of other kinds count as true."""
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


def files(root: Path) -> Iterator[DoctorFinding]:
    """The files that the demo needs from the checkout."""
    for what, path in (("plan", "config/plans/local.json"), ("sample recording", "config/samples/jfk.flac")):
        yield DoctorFinding(what, (root / path).is_file(), path, "run this from a whole checkout")


def models(root: Path) -> Iterator[DoctorFinding]:
    """The model files against the hashes in their packages; takes about a second."""
    try:
        from vocalized.caller.local_speech import faulty_models
    except ModuleNotFoundError as error:
        yield DoctorFinding(
            "model files", False, f"cannot be looked at without the package {error.name}", "run `make setup`"
        )
        return
    faults = faulty_models()
    yield DoctorFinding(
        "model files",
        not faults,
        "; ".join(faults) or "recognizer and voice are whole (hashes compared)",
        "a package's download was damaged: delete .venv and run `make setup` again",
    )


def ports(root: Path) -> Iterator[DoctorFinding]:
    """A TCP connection on 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2):
            detail, ok = "this machine can be called on 127.0.0.1", True
    except OSError as error:
        detail, ok = f"127.0.0.1 cannot be used: {error.strerror or error}", False
    yield DoctorFinding("ports", ok, detail, "the demo needs a local TCP port: check the sandbox's or firewall's rules")


def disk(root: Path) -> Iterator[DoctorFinding]:
    """Free disk space."""
    yield check_disk(root)


def microphone(root: Path) -> Iterator[DoctorFinding]:
    """Sound devices, which `call --mic` needs."""
    detail, ok = "the package sounddevice is not installed", False
    if find_spec("sounddevice"):
        try:
            import sounddevice  # type: ignore[import-untyped]  # ships no types

            count = len(sounddevice.query_devices())
            detail, ok = (f"{count} sound devices", True) if count else ("no sound device", False)
        except OSError:
            detail = "the PortAudio library is not installed"
    yield DoctorFinding(
        "microphone", ok, detail, "only `call --mic` wants one (Debian: apt install libportaudio2)", False
    )
