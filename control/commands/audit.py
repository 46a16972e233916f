"""`python -m control audit`: verifies and exports the audit log, and renews its seals after a change of keys."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from config.settings import KeySettings, key_settings
from control.audit.rules import AuditVerdict
from control.audit.seals import audit_keys, export_lines, has_digest, renew_codes, verify_log
from control.db.pool import ROLE, Connection, Timeouts, open_pool
from control.db.scope import enter_platform
from control.key_options import key_sets, require_keys
from shared.key_sets import VAULT_KEYS
from shared.secrets import Sealer

read_settings = key_settings

_TIMEOUTS: Final = Timeouts(statement=300.0, command=305.0)


@dataclass(frozen=True, slots=True)
class AuditCommandOptions:
    """Options of the audit commands.

    Attributes:
        database_url: Can sign in as any of our logins; `renew-keys` needs the tables' owner.
        vault_keys: 32 bytes each.
    """

    database_url: str = field(repr=False)
    vault_keys: Sequence[bytes] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    verify = actions.add_parser("verify", help="compare all entries with their seals")
    verify.add_argument("--digest", default="", help="of a seal, from a worker's log: it must be in the chain")
    actions.add_parser("export", help="all entries as lines of JSON, oldest first, with their hashes")
    actions.add_parser("renew-keys", help="sign seals of older keys by the first key of VOCALIZED_VAULT_KEYS")


def run(arguments: argparse.Namespace, settings: KeySettings) -> int:
    """Run the action and return the exit code. Raises SettingsError, Problem and the database's errors."""
    vault = require_keys(VAULT_KEYS, key_sets(settings).vault)
    options = AuditCommandOptions(settings.database_url.get_secret_value(), vault)
    return asyncio.run(_run(arguments, options))


def format_verdict(verdict: AuditVerdict) -> str:
    """Return a line for the entries read, and a line for each break."""
    lines = [f"{verdict.entries:,} entries in {verdict.seals:,} seals, {verdict.unsealed:,} not sealed yet"]
    lines += [f"newest digest {verdict.digest.hex()}"] if verdict.seals else []
    for fault in verdict.breaks:
        lines.append(f"BAD {fault.kind}: seal {fault.seal}" + (f", entry {fault.entry_id}" if fault.entry_id else ""))
    return "\n".join([*lines, "NOT as it was sealed" if verdict.breaks else "as it was sealed"])


async def _run(arguments: argparse.Namespace, options: AuditCommandOptions) -> int:
    """Run the action. Return the exit code, which is 1 if the log differs from its seals."""
    keys = audit_keys(Sealer(options.vault_keys))
    is_renewal = arguments.action == "renew-keys"  # No program's login is allowed to renew keys.
    role = None if is_renewal else ROLE
    pool = open_pool(options.database_url, size=1, timeouts=_TIMEOUTS, name="vocalized-audit", role=role)
    async with pool as connections, connections.transaction() as db:
        if is_renewal:
            print(f"{await renew_codes(db, keys):,} seals renewed")
            return 0
        await enter_platform(db)
        return await _export(db) if arguments.action == "export" else await _verify(db, keys, arguments.digest)


async def _verify(db: Connection, keys: Sequence[bytes], digest: str) -> int:
    verdict = await verify_log(db, keys)
    print(format_verdict(verdict))
    if digest and not await has_digest(db, digest):
        print(f"BAD no seal has the digest {digest}: the log's end was cut off, or it is another log")
        return 1
    return 1 if verdict.breaks else 0


async def _export(db: Connection) -> int:
    async for line in export_lines(db):
        sys.stdout.write(line)
    return 0
