"""`python -m control analytics`: recomputes roll-ups from calls and the ledger."""

import argparse
import asyncio
import sys
from datetime import date
from typing import Final

from config.settings import DatabaseSettings, database_settings
from control.analytics.rollups.service import count_days_without_rows, mark_all_days, roll_up_days
from control.billing.accruals.service import make_accrue
from control.billing.jobs import utc_now
from control.db.pool import Pool, Timeouts, open_pool
from control.db.scope import enter_platform

read_settings = database_settings

# Marking days reads an index of all calls and records in the range.
_TIMEOUTS: Final = Timeouts(statement=600.0, command=605.0)
# Number of days per transaction. Other processes that compute one of these days wait for it.
_DAYS_AT_ONCE: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    rebuild = actions.add_parser(
        "rebuild", help="compute all roll-ups of the days again; what has neither calls nor ledger is left as it is"
    )
    rebuild.add_argument("--from", type=_day, default=date.min, dest="first", metavar="DAY", help="first day (UTC)")
    rebuild.add_argument("--to", type=_day, default=date.max, dest="last", metavar="DAY", help="last day, included")


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Run the action and return the exit code. Raises the database's errors."""
    database_url = settings.database_url.get_secret_value()
    if arguments.last < arguments.first:
        print("control analytics rebuild: --to is before --from", file=sys.stderr)
        return 2
    return asyncio.run(_rebuild(database_url, arguments.first, arguments.last))


async def _rebuild(database_url: str, first: date, last: date) -> int:
    """Recompute the roll-ups. The command can be stopped at any time: workers then compute the marked days."""
    async with open_pool(database_url, size=1, timeouts=_TIMEOUTS, name="vocalized-analytics") as pool:
        async with pool.transaction() as db:
            await enter_platform(db)
            marked = await mark_all_days(db, first, last)
            left = await count_days_without_rows(db, first, last)
        print(f"{marked} days of workspaces marked", flush=True)
        if left:
            print(f"{left} days left as they are: they have figures, and neither calls nor records of the ledger")
        done = await _roll_up_marked(pool)
    print(f"{done} computed here, the others by workers")
    return 0


async def _roll_up_marked(pool: Pool) -> int:
    done, count = 0, -1
    while count:
        async with pool.transaction() as db:
            await enter_platform(db)
            count = await roll_up_days(db, _DAYS_AT_ONCE, make_accrue(utc_now))
        done += count
    return done


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("not a day such as 2026-11-26") from None
