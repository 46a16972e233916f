"""The backups in object storage. Each backup NAME has a dump, `NAME.dump`, and a manifest, `NAME.json`."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from control.backups.encryption import decrypt, encrypt
from control.backups.rules import BackupFailed, BackupManifest
from shared.storage import ObjectNotFound, Storage

_MANIFEST, _DUMP = ".json", ".dump"
_NAME: Final = "vocalized-%Y%m%dT%H%M%SZ"


class StoredDump(msgspec.Struct, frozen=True):
    """The stored dump: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class BackupArchive:
    """Reads and writes backups in object storage. All methods raise StorageUnavailable.

    Args:
        keys: Keys of 32 bytes each. The first key encrypts, all keys decrypt. Without keys, dumps are stored
            unencrypted.
    """

    def __init__(self, storage: Storage, keys: Sequence[bytes] = ()) -> None:
        self._storage, self._keys = storage, keys

    @property
    def encrypts(self) -> bool:
        """Return whether dumps are encrypted."""
        return bool(self._keys)

    async def write_dump(self, name: str, chunks: AsyncIterator[bytes]) -> StoredDump:
        """Encrypt and store a dump. If `chunks` raises, its exception is raised and no dump is stored."""
        digest, size = hashlib.sha256(), 0

        async def stored() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in encrypt(self._keys[0], chunks) if self._keys else chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        await self._storage.put_stream(name + _DUMP, stored())
        return StoredDump(size, digest.hexdigest())

    async def write_manifest(self, manifest: BackupManifest) -> None:
        """Write the manifest, which turns the stored dump into a backup."""
        await self._storage.put(manifest.name + _MANIFEST, msgspec.json.encode(manifest))

    async def list_manifests(self) -> list[BackupManifest]:
        """Return the manifests of all backups, oldest first. Raises BackupFailed."""
        names = [key.removesuffix(_MANIFEST) for key in await self._storage.list_keys() if key.endswith(_MANIFEST)]
        return [await self.read_manifest(name) for name in names]

    async def read_manifest(self, name: str) -> BackupManifest:
        """Return the manifest of a backup. Raises BackupFailed."""
        try:
            return msgspec.json.decode(await self._storage.get(name + _MANIFEST), type=BackupManifest)
        except ObjectNotFound:
            raise BackupFailed(f"there is no backup {name}") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BackupFailed(f"{name}{_MANIFEST} is not a manifest of a backup") from None

    async def read_dump(self, manifest: BackupManifest) -> AsyncIterator[bytes]:
        """Yield the dump as pg_dump wrote it.

        Raises BackupFailed, also at the end of the dump if its SHA-256 differs from the manifest.
        """
        stored = self._read_stored(manifest)
        async for chunk in decrypt(self._required_keys(), stored) if manifest.is_encrypted else stored:
            yield chunk

    async def delete(self, name: str) -> None:
        """Delete a backup. The manifest is deleted first, so that no backup without a dump is listed."""
        await self._storage.delete(name + _MANIFEST)
        await self._storage.delete(name + _DUMP)

    def _required_keys(self) -> Sequence[bytes]:
        if not self._keys:
            raise BackupFailed("the backup is encrypted: VOCALIZED_BACKUP_KEYS is missing")
        return self._keys

    async def _read_stored(self, manifest: BackupManifest) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        try:
            async for chunk in self._storage.stream(manifest.name + _DUMP):
                digest.update(chunk)
                yield chunk
        except ObjectNotFound:
            raise BackupFailed(f"{manifest.name}{_DUMP} is missing in storage") from None
        if digest.hexdigest() != manifest.sha256:
            raise BackupFailed(f"{manifest.name}{_DUMP} was changed: its SHA-256 differs from the manifest's")


def name_backup(now: datetime) -> str:
    """Return the name of a backup that begins now (UTC). Names sort by time."""
    return now.strftime(_NAME)


def choose_expired(
    manifests: Sequence[BackupManifest], now: datetime, *, keep_days: int, keep_newest: int
) -> list[BackupManifest]:
    """Return the backups that are older than `keep_days` and not among the newest `keep_newest`.

    Args:
        manifests: All backups, oldest first.
        keep_days: 0 keeps all backups.
    """
    if not keep_days:
        return []
    limit = now - timedelta(days=keep_days)
    return [manifest for manifest in manifests[: max(len(manifests) - keep_newest, 0)] if manifest.finished_at < limit]
