"""`python -m control providers`: sets, lists and tests the platform's provider keys."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from config.settings import KeySettings, key_settings
from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from control.key_options import key_sets, require_keys
from control.voice.catalog.service import KeyChange, get_keyed_provider, list_catalog, set_key
from control.voice.probe import ProbeFailed, probe
from control.voice.routing.rules import ProviderOffer
from shared.errors import Invalid
from shared.key_sets import VAULT_KEYS
from shared.secrets import Sealer
from vendors.registry import VENDORS

read_settings = key_settings

TEST_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class ProviderCommandOptions:
    """Options of the provider commands.

    Attributes:
        vault_keys: The first key seals, all keys unseal.
    """

    database_url: str = field(repr=False)
    vault_keys: tuple[bytes, ...] = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    key = actions.add_parser("set-key", help="seal a platform key (from standard input, or asked for)")
    key.add_argument("instance", help="the provider: openai, groq, or a new name of your own with --vendor")
    key.add_argument(
        "--vendor", default="", help="of a new provider: which protocol its server speaks (openai, deepgram)"
    )
    key.add_argument("--base-url", default="", help="address of its server, like http://127.0.0.1:8000/v1")
    key.add_argument("--model", default="", help="model that agents use unless they name another one")
    key.add_argument("--priority", type=_priority, help="place in the chain of agents that name none; the lower first")
    key.add_argument("--no-key", action="store_true", help="its server takes no key; nothing is read")
    actions.add_parser("list", help="all providers, whether they have a key and are in service")
    test = actions.add_parser("test", help="ask a provider's server one short question")
    test.add_argument("instance", help="the provider")
    test.add_argument("--timeout", type=_seconds, default=TEST_TIMEOUT_S, metavar="S", help="longest wait in seconds")


def run(arguments: argparse.Namespace, settings: KeySettings) -> int:
    """Run the action and return the exit code. Raises SettingsError, Problem and the database's errors."""
    vault = require_keys(VAULT_KEYS, key_sets(settings).vault)
    options = ProviderCommandOptions(settings.database_url.get_secret_value(), vault)
    return _run(arguments, options)


def _run(arguments: argparse.Namespace, options: ProviderCommandOptions) -> int:
    """Run the action. Return the exit code, which is 1 if the tested provider failed.

    Raises Problem and the database's errors.
    """
    if arguments.action == "set-key":
        change = KeyChange(
            provider=arguments.instance,
            key=None if arguments.no_key else read_key(arguments.instance),
            vendor=arguments.vendor,
            base_url=arguments.base_url,
            model=arguments.model,
            priority=arguments.priority,
        )
        return asyncio.run(_set_key(options, change))
    if arguments.action == "list":
        return asyncio.run(_list(options))
    return asyncio.run(_test(options, arguments.instance, arguments.timeout))


def read_key(instance: str) -> str:
    """Read a key: typed by a person, or from a line of standard input. Raises Invalid.

    Keys are not arguments, because the list of processes shows arguments.
    """
    text = getpass.getpass(f"Key of {instance}: ") if sys.stdin.isatty() else sys.stdin.readline()
    key = text.strip()
    if not key:
        raise Invalid("no key was given on standard input; --no-key is for a server that takes none", param="key")
    return key


def format_table(offers: Sequence[ProviderOffer]) -> str:
    """Format each provider as one line: name, vendor, kinds, state, model and address."""
    rows = [("PROVIDER", "VENDOR", "FOR", "STATE", "MODEL", "ADDRESS")]
    for offer in sorted(offers, key=lambda candidate: (candidate.priority, candidate.provider)):
        kind = offer.defaults("llm") if "llm" in offer.kinds else {}
        model, address = str(kind.get("model", "")), str(kind.get("base_url", ""))
        rows.append((offer.provider, offer.vendor, "+".join(offer.kinds), _state(offer), model, address))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _state(offer: ProviderOffer) -> str:
    facts = VENDORS.get(offer.vendor)
    if facts is None or not set(offer.kinds) <= set(facts.kinds):
        return "no adapter"
    if not offer.is_enabled:
        return "not in service"
    if offer.for_tests:
        return "for tests"
    return "no key" if offer.needs_key and not offer.platform_key else "in service"


async def _set_key(options: ProviderCommandOptions, change: KeyChange) -> int:
    sealer = Sealer(options.vault_keys)
    async with _platform_transaction(options) as db:
        offer = await set_key(db, sealer, change)
    print(f"{offer.provider} is in service (vendor {offer.vendor}, {'with a key' if offer.platform_key else 'no key'})")
    return 0


async def _list(options: ProviderCommandOptions) -> int:
    async with _platform_transaction(options) as db:
        print(format_table(await list_catalog(db)))
    return 0


async def _test(options: ProviderCommandOptions, instance: str, timeout_s: float) -> int:
    sealer = Sealer(options.vault_keys)
    async with _platform_transaction(options) as db:
        provider = await get_keyed_provider(db, sealer, instance)
    try:
        latency_ms = await probe(provider, timeout_s)
    except ProbeFailed as failed:
        print(f"{instance} failed: {failed}", file=sys.stderr)
        return 1
    print(f"{instance} answers: first word after {latency_ms:.0f} ms")
    return 0


@asynccontextmanager
async def _platform_transaction(options: ProviderCommandOptions) -> AsyncIterator[Connection]:
    async with open_pool(options.database_url, size=1, name="vocalized-providers") as pool, pool.transaction() as db:
        await enter_platform(db)
        yield db


def _priority(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100_000:
        raise argparse.ArgumentTypeError("from 0 to 100000")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 300:
        raise argparse.ArgumentTypeError("more than 0, at most 300")
    return seconds
