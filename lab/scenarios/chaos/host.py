"""What surrounds the programs of a rehearsal and can be taken away from them: the clock, the speed of the disk, name
servers, the readers of their logs, descriptors, memory, folders.

Mounts and name servers need root, clock and disk a C compiler: without them those faults are left out.
"""

import asyncio
import errno
import fcntl
import itertools
import os
import resource
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

HERE: Final = Path(__file__).parent
LAUNCHER: Final = HERE / "launcher.sh"
# Addresses of this machine by their name; any other name does not exist.
DOMAIN: Final = "chaos.test"
_DNS_PORT: Final = 53
_PAGE: Final = 4_096
_READ: Final = 65_536
# Bytes; a line that does not fit into a pipe has its writer wait.
_LONGEST_LINE: Final = 512
# Of a DNS message (RFC 1035, 4.1): a standard answer without error, and one that says there is no such name.
_ANSWER, _NO_NAME = 0x8180, 0x8183
_TYPE_A: Final = 1
# Of host.c's `struct control`.
_CONTROL: Final = struct.Struct("=qqqq")


# What a fault may need of the machine.
Need = Literal["", "root", "compiler"]


def find_needs() -> dict[Need, str]:
    """What this machine lacks, in words."""
    found: dict[Need, str] = {}
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter"))):
        found["root"] = "root, to mount and to answer for names"
    if shutil.which("cc") is None:
        found["compiler"] = "a C compiler"
    return found


class ProgramControl:
    """The numbers that host.c reads and counts. library: to preload."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.library = library
        self.path = folder / "control"
        self.path.write_bytes(bytes(_CONTROL.size))
        # The library's counters are adjacent 64-bit integers, also where programs of other users count.
        self.path.chmod(0o666)

    @property
    def counts(self) -> "ProgramCounts":
        """Since the beginning."""
        return ProgramCounts(*_CONTROL.unpack(self.path.read_bytes())[2:])

    def set(self, *, clock_offset_s: int = 0, disk_delay_s: float = 0.0) -> None:
        """Applies to all programs at once, which map the file."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("=qq", clock_offset_s, round(disk_delay_s * 1_000_000)))


class ProgramCounts(NamedTuple):
    """How often programs have read a wrong clock, and written or synced more slowly."""

    wrong_reads: int
    delayed_writes: int


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
    ignored: queries to which it was silent. address: of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers = True
        self.ignored = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's are no subclasses

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers one question."""
        if not self.answers:
            self.ignored += 1
        elif self._transport is not None:
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
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _READ)
            asyncio.get_running_loop().add_reader(descriptor, self._copy, descriptor)

    @property
    def readers(self) -> int:
        """Pipes that have a reader."""
        return sum(_has_reader(pipe) for pipe in self._pipes)

    @property
    def full(self) -> list[str]:
        """The programs whose pipes take no further line."""
        return sorted(self._pipes[pipe].stem for descriptor, pipe in self._open.items() if _is_full(descriptor))

    def stop(self) -> None:
        """Leaves the pipes open, reads no more, and fills them with empty lines: a writer blocks."""
        self._remove_readers()
        for descriptor in self._open:
            with suppress(OSError):  # more than that waits already
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PAGE)
            with suppress(BlockingIOError):
                while True:
                    os.write(descriptor, b"\n")

    def close(self) -> None:
        """Closes the pipes: a writer gets EPIPE."""
        self._remove_readers()
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def _remove_readers(self) -> None:
        for descriptor in self._open:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _copy(self, descriptor: int) -> None:
        with self._pipes[self._open[descriptor]].open("ab") as log:
            log.write(os.read(descriptor, _READ))


def _has_reader(pipe: Path) -> bool:
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return False
    return True


def _is_full(descriptor: int) -> bool:
    waiting = int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
    return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) - waiting < _LONGEST_LINE


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
        """They can open nothing more, until they close something: no number is free below the limit."""
        for pid in pids:
            self._limit(pid, resource.RLIMIT_NOFILE, first_free_descriptor(pid))

    def use_up_memory(self, pids: Sequence[int], left: int = 0) -> None:
        """They get `left` more bytes. Not RLIMIT_AS: arenas of the C library, 64 MB for each thread, are in the address
        space long before they are used."""
        for pid in pids:
            self._limit(pid, resource.RLIMIT_DATA, data_bytes(pid) + left)

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


def data_bytes(pid: int) -> int:
    """What counts for RLIMIT_DATA."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmData:")).split()[1]) * 1_024


def memory_left(pid: int) -> int:
    """Bytes that it still gets below its limit."""
    return resource.prlimit(pid, resource.RLIMIT_DATA)[0] - data_bytes(pid)


def first_free_descriptor(pid: int) -> int:
    """The number that the next file it opens gets."""
    taken = {int(one) for one in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in itertools.count() if number not in taken)


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped it (proc_pid_stat(5): its state stands behind its name in brackets)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def has_loaded(pid: int, library: Path) -> bool:
    """Whether it runs with this library."""
    return str(library) in Path(f"/proc/{pid}/maps").read_text()


def cover_folder(pid: int, folder: Path) -> None:
    """Has a process see the folder on a file system that cannot be written to; files that are open stay so. Raises
    CalledProcessError; needs root, and that the process is in a mount namespace of its own."""
    _run_in_mounts(pid, ["mount", "--bind", str(folder), str(folder)])
    _run_in_mounts(pid, ["mount", "-o", "remount,bind,ro", str(folder)])


def uncover_folder(pid: int, folder: Path) -> None:
    """What `cover_folder` has mounted is taken away."""
    _run_in_mounts(pid, ["umount", "--lazy", str(folder)])


def may_write(pid: int, folder: Path) -> bool:
    """Whether the folder, as the process sees it, can be written to."""
    return os.access(f"/proc/{pid}/root{folder}", os.W_OK)


def _run_in_mounts(pid: int, command: Sequence[str]) -> None:
    subprocess.run(["nsenter", f"--mount=/proc/{pid}/ns/mnt", *command], check=True, timeout=10)
