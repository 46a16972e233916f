"""`python -m control prices`: lists prices, and sets what providers and carriers cost us."""

import argparse
import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from config.settings import DatabaseSettings, database_settings
from control.billing.prices.rules import PRICE_UNITS, PriceKey, StoredPrice
from control.billing.prices.service import list_prices, set_cost
from control.db.pool import open_pool
from control.db.scope import enter_platform

read_settings = database_settings

# Roles whose prices are set here. The price of a tier's minutes is set with the tier.
ROLES: Final = ("stt", "llm", "tts", "telephony")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    listing = actions.add_parser("list", help="the newest version of each price")
    listing.add_argument("provider", nargs="?", help="only of this provider, carrier or tier")
    change = actions.add_parser("set", help="open a new version of what a provider or carrier costs")
    change.add_argument("provider", help="a provider of `providers list`, or a carrier")
    change.add_argument("role", choices=ROLES)
    change.add_argument("model", help="'*' for all models without a price; of telephony: inbound, outbound or '*'")
    units = {unit: None for role in ROLES for unit in PRICE_UNITS[role]}
    change.add_argument("unit", choices=list(units), help="what the price is for")
    change.add_argument("price", type=_amount, help="in US dollars")


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Run the action and return the exit code. Raises Problem and the database's errors."""
    database_url = settings.database_url.get_secret_value()
    if arguments.action == "set":
        key = PriceKey("cost", arguments.provider, arguments.role, arguments.model, arguments.unit)
        return asyncio.run(_set(database_url, key, arguments.price))
    return asyncio.run(_list(database_url, arguments.provider))


def format_prices(prices: Iterable[StoredPrice]) -> str:
    """Format each price as one line."""
    rows = [("FOR", "PROVIDER", "ROLE", "MODEL", "UNIT", "PRICE", "HOLDS FROM", "SET BY")]
    for stored in prices:
        key, version = stored.version.key, stored.version
        begins = version.valid_from.astimezone(UTC).isoformat(timespec="seconds")
        price = f"{version.price.normalize():f} {key.currency.upper()}"
        rows.append((key.side, key.provider, key.role, key.model, key.unit, price, begins, stored.source))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


async def _set(database_url: str, key: PriceKey, price: Decimal) -> int:
    async with open_pool(database_url, size=1, name="vocalized-prices") as pool, pool.transaction() as db:
        await enter_platform(db)
        stored = await set_cost(db, key, price, datetime.now(UTC))
    print(format_prices([stored]))
    return 0


async def _list(database_url: str, provider: str | None) -> int:
    async with open_pool(database_url, size=1, name="vocalized-prices") as pool, pool.transaction() as db:
        await enter_platform(db)
        print(format_prices(await list_prices(db, provider)))
    return 0


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError("not a number") from None
    if not amount.is_finite():
        raise argparse.ArgumentTypeError("not a number")
    return amount
