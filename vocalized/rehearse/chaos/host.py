"""What surrounds the programs of a rehearsal and can be taken away from them: the clock, the speed of the disk, name
servers, the readers of their logs, descriptors, memory, folders.

Mounts and name servers need root, clock and disk a C compiler: without them those faults are left out.
"""

import asyncio
import fcntl
import os
import resource
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast

HERE: Final = Path(__file__).parent
LAUNCHER: Final = HERE / "launcher.sh"
# Addresses of this machine by their name; any other name does not exist.
DOMAIN: Final = "chaos.test"
_DNS_PORT: Final = 53
_PAGE: Final = 4_096
_READ: Final = 65_536
# Of a DNS message (RFC 1035, 4.1): a standard answer without error, and one that says there is no such name.
_ANSWER, _NO_NAME = 0x8180, 0x8183
_TYPE_A: Final = 1


# What a fault may need of the machine.
Need = Literal["", "root", "compiler"]


def find_needs() -> dict[Need, str]:
    """What this machine lacks, in words."""
    found: dict[Need, str] = {}
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        found["root"] = "root, to mount and to answer for names"
    if shutil.which("cc") is None:
        found["compiler"] = "a C compiler"
    return found


class ProgramControl:
    """The numbers that host.c reads. library: to preload."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.library = library
        self.path = folder / "control"
        self.path.touch()
        self.set()

    def set(self, *, clock_offset_s: int = 0, disk_delay_s: float = 0.0) -> None:
        """Applies to all programs at once, which map the file."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("=qq", clock_offset_s, round(disk_delay_s * 1_000_000)))


def build_control(folder: Path) -> ProgramControl | None:
    """None without a C compiler. Raises CalledProcessError."""
    if "compiler" in find_needs():
        return None
    library = folder / "host.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / "host.c"), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return ProgramControl(folder, library)


class NameServer(asyncio.DatagramProtocol):
    """Resolves names of DOMAIN to this machine. answers: whether it does; else it is silent, as when it is away.
    address: of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers = True
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's are no subclasses

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers one question."""
        if self.answers and self._transport is not None:
            self._transport.sendto(answer_query(data), addr)


def answer_query(query: bytes) -> bytes:
    """The answer to a query with one question (RFC 1035): 127.0.0.1 for an address of DOMAIN, nothing for other types,
    and for other names that there are none."""
    end = query.index(b"\0", 12) + 5
    question = query[12:end]
    labels, rest = [], question[:-5]
    while rest:
        labels.append(rest[1 : rest[0] + 1].decode("ascii", "replace").lower())
        rest = rest[rest[0] + 1 :]
    known = ".".join(labels).endswith(f".{DOMAIN}")
    has_address = known and int.from_bytes(question[-4:-2]) == _TYPE_A
    flags = _ANSWER if known else _NO_NAME
    head = query[:2] + struct.pack(">HHHHH", flags, 1, int(has_address), 0, 0)
    address = struct.pack(">HHHIH", 0xC00C, _TYPE_A, 1, 0, 4) + bytes((127, 0, 0, 1))
    return head + question + (address if has_address else b"")


@asynccontextmanager
async def running_name_server() -> AsyncIterator[NameServer | None]:
    """None where nobody but root may listen on its port, or mount. Raises OSError where another one listens."""
    if "root" in find_needs():
        yield None
        return
    # Another one for each rehearsal that runs at the same time.
    address = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer(address), local_addr=(address, _DNS_PORT)
    )
    try:
        yield server
    finally:
        transport.close()


def write_resolver(folder: Path, server: NameServer) -> Path:
    """The resolv.conf of the programs: one try of two seconds at our name server."""
    path = folder / "resolv.conf"
    path.write_text(f"nameserver {server.address}\noptions timeout:2 attempts:1\n")
    return path


class LogPipes:
    """The pipes into which programs write their logs, and their reader, which copies them to files."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._pipes = {folder / f"{name}.pipe": folder / f"{name}.log" for name in names}
        self._open: dict[int, Path] = {}
        for pipe in self._pipes:
            os.mkfifo(pipe)
        self.read()

    def read(self) -> None:
        """Opens the pipes that are closed, and reads them all. Opened for both, they do not end with a program."""
        for pipe in set(self._pipes) - set(self._open.values()):
            descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._open[descriptor] = pipe
        for descriptor in self._open:
            asyncio.get_running_loop().add_reader(descriptor, self._copy, descriptor)

    def stop(self) -> None:
        """Leaves the pipes open and reads no more: a writer blocks once 4 KB wait."""
        for descriptor in self._open:
            asyncio.get_running_loop().remove_reader(descriptor)
            with suppress(OSError):  # more than that waits already
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PAGE)

    def close(self) -> None:
        """Closes the pipes: a writer gets EPIPE."""
        self.stop()
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def _copy(self, descriptor: int) -> None:
        with self._pipes[self._open[descriptor]].open("ab") as log:
            log.write(os.read(descriptor, _READ))


def pids_of_group(leader: int) -> list[int]:
    """The processes of a program: it leads a group of its own."""
    found = []
    for name in os.listdir("/proc"):
        with suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(name)) == leader:
                found.append(int(name))
    return found


@dataclass(slots=True)
class ResourceLimits:
    """Limits that are put on running programs, and what was there before."""

    _before: list[tuple[int, int, tuple[int, int]]] = field(default_factory=list)

    def use_up_descriptors(self, pids: Sequence[int]) -> None:
        """They can open nothing more."""
        for pid in pids:
            highest = max(int(one) for one in os.listdir(f"/proc/{pid}/fd"))
            self._limit(pid, resource.RLIMIT_NOFILE, highest + 1)

    def use_up_memory(self, pids: Sequence[int], left: int) -> None:
        """They can map `left` more bytes."""
        for pid in pids:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            self._limit(pid, resource.RLIMIT_AS, pages * _PAGE + left)

    def lift(self) -> None:
        """Sets all limits as they were; programs that have ended are left out."""
        for pid, kind, before in self._before:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, kind, before)
        self._before.clear()

    def _limit(self, pid: int, kind: int, soft: int) -> None:
        before = resource.prlimit(pid, kind)
        self._before.append((pid, kind, before))
        resource.prlimit(pid, kind, (soft, before[1]))


def cover_folder(folder: Path) -> None:
    """Mounts an empty folder over it that cannot be written to. Raises CalledProcessError; needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=4k", "tmpfs", str(folder)], check=True, timeout=10)


def uncover_folder(folder: Path) -> None:
    """What `cover_folder` has mounted is taken away."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
