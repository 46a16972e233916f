"""Revokes this process's access to the network, files, other processes and capabilities before it reads a document.

Linux lets any process revoke its own access, without root and also in containers. Landlock
(https://docs.kernel.org/userspace-api/landlock.html) covers files, and a seccomp filter
(https://docs.kernel.org/userspace-api/seccomp_filter.html) covers system calls. Python supports neither, so they are
called through ctypes. If the kernel lacks one of them, it is skipped, and the return value shows what is in force.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

# Limit of open files: the standard streams, and a module that is being imported.
MOST_FILES: Final = 32
LANDLOCK: Final = "landlock"
SECCOMP: Final = "seccomp"
ALL: Final = (LANDLOCK, SECCOMP)

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
# These numbers are the same on all architectures (include/uapi/asm-generic/unistd.h).
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_ADD_RULE: Final = 445
_LANDLOCK_RESTRICT_SELF: Final = 446
_RULE_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
# Number of file rights by Landlock version; version 1 has 13 (include/uapi/linux/landlock.h).
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP_RIGHTS: Final = 0b11
_SCOPES: Final = 0b11
# System call numbers on x86-64 and arm64 (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
# None: the architecture lacks the call.
_REFUSED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    **{"socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201)},
    **{"accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269)},
    **{"clone": (56, 220), "clone3": (435, 435), "fork": (57, None), "vfork": (58, None)},
    **{"execve": (59, 221), "execveat": (322, 281), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)},
    **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "prlimit64": (302, 261)},
    **{"pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424)},
    **{"mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "io_uring_setup": (425, 425)},
    # Landlock does not cover permissions, owners and timestamps of files and, before version 3, their length.
    **{"chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None)},
    **{"lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "truncate": (76, 45), "ftruncate": (77, 46)},
    **{"utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88)},
    **{"setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463)},
    **{"removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466)},
    **{"file_setattr": (469, 469)},
    **{"keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "perf_event_open": (298, 241)},
}
# Machines with their index into the pairs above and the kernel's constant (include/uapi/linux/audit.h).
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# Numbers from here on belong to x32, an alternative ABI for the same system calls on x86-64.
_X32: Final = 0x4000_0000
# Instructions of a BPF filter (include/uapi/linux/filter.h), and its return values.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _NOT_PERMITTED = 0x7FFF_0000, 0x8000_0000, 0x0005_0001
_NUMBER_AT, _MACHINE_AT = 0, 4
_CAPABILITY_VERSION: Final = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


def confine(readable: Iterable[Path]) -> list[str]:
    """Confine this process permanently. Return the parts of ALL that are in force. Forbidden calls raise
    PermissionError.

    Args:
        readable: Folders from which the process may still import modules.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    if sys.platform != "linux":
        return []
    drop_capabilities()
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    held = [LANDLOCK] if _restrict_files(readable) else []
    return [*held, SECCOMP] if _restrict_calls() else held


def python_folders() -> list[Path]:
    """Return the folders of Python and its libraries."""
    folders = {*sys.path, sys.prefix, sys.base_prefix, "/lib", "/lib64", "/usr/lib", "/usr/local/lib"}
    # Path.exists raises PermissionError inside folders that we may not read.
    return [Path(folder) for folder in sorted(folders) if folder and os.path.exists(folder)]


def drop_capabilities() -> None:
    """Drop all capabilities (capset(2)), so that root has only a file owner's rights. Has no effect for others."""
    header, none = struct.pack("Ii", _CAPABILITY_VERSION, 0), bytes(24)
    _libc.capset(header, none)


def _restrict_files(readable: Iterable[Path]) -> bool:
    version = _libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    values = [rights, _TCP_RIGHTS, _SCOPES][: 1 if version < 4 else 2 if version < 6 else 3]
    attributes = struct.pack(f"{len(values)}Q", *values)
    rules = _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    try:
        for folder in readable:
            with suppress(OSError):  # a file that cannot be opened needs no rule
                _allow_reading(rules, folder)
        return bool(_libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow_reading(rules: int, folder: Path) -> None:
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = _READ_FILE | _READ_DIR if folder.is_dir() else _READ_FILE
        rule = struct.pack("=Qi", allowed, descriptor)
        _libc.syscall(_LANDLOCK_ADD_RULE, rules, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _restrict_calls() -> bool:
    if platform.machine() not in _MACHINES:
        return False
    code = _make_filter(*_MACHINES[platform.machine()])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    return bool(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) == 0)


def _make_filter(place: int, machine: int) -> bytes:
    """Return a BPF program that refuses the system calls above. It kills a process that uses another architecture's
    ABI.
    """
    numbers = [number for both in _REFUSED.values() if (number := both[place]) is not None]
    steps = [
        (_LOAD, 0, 0, _MACHINE_AT), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT), (_AT_LEAST, len(numbers) + 1, 0, _X32),
    ]  # fmt: skip
    # Jump offsets count from the next instruction. On a match, the filter jumps behind the `allow` at the end.
    steps += [(_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOT_PERMITTED)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
