"""`python -m control keys`: creates keys and node credentials, reseals the database, and revokes media nodes."""

import argparse
import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from config.settings import PREFIX, KeyCommandSettings, SettingsError, key_command_settings
from control.audit.seals import audit_keys, renew_codes
from control.db.pool import Pool, open_pool
from control.db.scope import enter_platform
from control.db.seal_renewal import BATCH, PAUSE_S, ResealProgress, reseal_column
from control.key_options import key_sets
from control.keys.revocations import revoke_passes
from control.keys.sealed_columns import SEALED_COLUMNS
from control.keys.settings import require_set
from shared.bus.enrollment import Enrollment
from shared.errors import Invalid
from shared.key_sets import BUS_KEYS, VAULT_KEYS, KeySetError, KeySets
from shared.secrets import Sealer, new_key

read_settings = key_command_settings

# Actions that need the database.
ON_DATABASE: Final = frozenset({"rotate", "revoke"})


@dataclass(frozen=True, slots=True)
class KeyCommandOptions:
    """Options of the key commands.

    Attributes:
        database_url: Signs in as the tables' owner; empty for actions that are not in ON_DATABASE.
    """

    database_url: str
    keys: KeySets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    actions.add_parser("new", help="print a new key, for any of the sets")
    action = actions.add_parser(
        "media-pass", help="print the node credential of the media nodes at a URL: VOCALIZED_MEDIA_PASS"
    )
    action.add_argument(
        "url", type=_socket_url, help="like wss://media-1.example.com; with /* at its end, all below it"
    )
    rotate = actions.add_parser("rotate", help="reseal everything in the database with the first of the vault keys")
    rotate.add_argument("--batch", type=_whole, default=BATCH, help=f"values in one transaction ({BATCH})")
    rotate.add_argument("--pause", type=float, default=PAUSE_S, metavar="S", help=f"between two ({PAUSE_S:g})")
    revoke = actions.add_parser("revoke", help="revoke the node credentials made for a URL until now")
    revoke.add_argument("url", type=_socket_url, help="as given to media-pass")


def run(arguments: argparse.Namespace, settings: KeyCommandSettings) -> int:
    """Run the action and return the exit code. Raises SettingsError, Problem and the database's errors."""
    if arguments.action in ON_DATABASE and not settings.database_url:
        raise SettingsError(f"settings: {PREFIX}DATABASE_URL: required by `keys {arguments.action}`")
    options = KeyCommandOptions(settings.database_url.get_secret_value(), key_sets(settings))
    try:
        return _run(arguments, options)
    except KeySetError as error:
        raise SettingsError(f"settings: {PREFIX}{error.setting}: {error}") from None


def _run(arguments: argparse.Namespace, options: KeyCommandOptions) -> int:
    """Run the action. Return the exit code, which is 1 if values could not be unsealed.

    Raises KeySetError, TooManyLost, Problem and the database's errors.
    """
    if arguments.action == "new":
        print(new_key())
        return 0
    if arguments.action == "media-pass":
        print(Enrollment(require_set(BUS_KEYS, options.keys.bus)).make_credential(arguments.url).text)
        return 0
    if arguments.action == "revoke":
        return asyncio.run(_revoke(options, arguments.url))
    return asyncio.run(_rotate(options, arguments.batch, arguments.pause))


async def _rotate(options: KeyCommandOptions, batch: int, pause_s: float) -> int:
    sealer, lost = Sealer(require_set(VAULT_KEYS, options.keys.vault)), 0
    async with open_pool(options.database_url, size=1, name="vocalized-keys") as pool:
        for column in SEALED_COLUMNS:
            async for progress in reseal_column(pool, sealer, column, batch=batch, pause_s=pause_s):
                print(_format(progress), flush=True)
            lost += progress.lost
        print(f"audit_seals.mac: {await _renew_audit_seals(pool, sealer)} sealed anew", flush=True)
    print(f"{lost} values cannot be opened by any listed key" if lost else "all is sealed by the first vault key")
    return 1 if lost else 0


async def _renew_audit_seals(pool: Pool, sealer: Sealer) -> int:
    """Renew the audit log's seals. Needs the tables' owner. Seals that no listed key verifies would count as forged."""
    async with pool.transaction() as db:
        await db.execute("RESET ROLE")
        await enter_platform(db)
        return await renew_codes(db, audit_keys(sealer))


def _format(progress: ResealProgress) -> str:
    column = progress.column
    return (
        f"{column.table}.{column.column}: {progress.resealed} sealed anew, {progress.left} left, {progress.lost} lost"
    )


async def _revoke(options: KeyCommandOptions, url: str) -> int:
    async with open_pool(options.database_url, size=1, name="vocalized-keys") as pool, pool.transaction() as db:
        await db.execute("RESET ROLE")
        await revoke_passes(db, url, datetime.now(UTC))
    print(f"passes for {url} that were made until now are revoked; control knows it within 5 s")
    if not url.endswith("/*"):
        print("a node credential for more than this URL, which ends with /*, is a different one, and stays valid")
    return 0


def _socket_url(text: str) -> str:
    if not text.startswith(("ws://", "wss://")):
        raise argparse.ArgumentTypeError("must be a ws or wss URL")
    return text if text.endswith("/*") else text.rstrip("/")


def _whole(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise Invalid("from 1 to 10000", param="batch")
    return number
