"""The user that a server runs as. PostgreSQL refuses to run as root, so root gives it a user id of its own."""

import grp
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

ELSEWHERE = Path("/var/lib/vocalized")

_OTHERS_ENTER = 0o001
# systemd's page "Users, Groups, UIDs and GIDs on systemd Systems" lists 60578 to 61183 as unused.
_OWN_IDS = range(61_100, 61_184)


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group, by number. They need no entry in the list of users."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account of a server that root starts, or None if this process is not root.

    The account is the first id of `_OWN_IDS` that no user and no group of this machine has, so no other program runs
    under it, and nothing has to be added to the list of users. `nobody` would not do: any other program that runs as
    `nobody` could edit the server's files.
    """
    if os.geteuid():
        return None
    users, groups = {user.pw_uid for user in pwd.getpwall()}, {group.gr_gid for group in grp.getgrall()}
    number = next(number for number in _OWN_IDS if number not in users | groups)
    return Account(number, number)


def named_account(account: Account) -> Account:
    """Return an account that has a user name, and the group of `account`, which no other program has.

    initdb fails under a user id without a name. The kernel lets no other program of `nobody` trace a process that has
    another group (ptrace(2), "Ptrace access mode checking").
    """
    return Account(pwd.getpwnam("nobody").pw_uid, account.gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the permissions of all parent folders let the account reach `path`."""
    if account is None:
        return True
    return all(folder.stat().st_mode & _OTHERS_ENTER for folder in path.resolve().parents)


def make_folder(folder: Path, account: Account | None) -> Path:
    """Creates `folder` if it is missing, gives it to the account with all that is in it; returns its real path.

    A new folder is closed to others. Where the account cannot reach it (below /root, for example), it becomes a link
    to a new folder in /var/lib/vocalized, because changing the permissions of foreign folders would be worse.
    """
    if not folder.exists():
        folder.unlink(missing_ok=True)  # a dangling link
        if reachable(folder, account):
            folder.mkdir(mode=0o700)
        else:
            make_open_folder(ELSEWHERE)
            folder.symlink_to(mkdtemp(prefix=f"{folder.name}-", dir=ELSEWHERE))
    real = folder.resolve()
    if account:
        give(real, account)
    return real


def give(folder: Path, account: Account) -> None:
    """Make the account the owner of `folder` and of all that is in it. Links are not followed."""
    os.chown(folder, account.uid, account.gid)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)


def make_open_folder(folder: Path) -> None:
    """Creates a folder that everybody may enter and read, whatever the umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def remove_folder(folder: Path) -> None:
    """Removes what `make_folder` created, also behind a link."""
    if folder.exists():
        shutil.rmtree(folder.resolve())
    if folder.is_symlink():
        folder.unlink()
