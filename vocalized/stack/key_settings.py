"""The keys of a platform on this machine: made at its first start, and parted by the program that needs them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.bus.enrollment import Enrollment
from shared.key_sets import KeySets, make_key_sets
from shared.secrets import new_key
from vocalized.services.valkey import user_url
from vocalized.services.valkey_users import RULES
from vocalized.stack.secret_file import write_secret

TOKEN_KEYS: Final = "VOCALIZED_TOKEN_KEYS"
VAULT_KEYS: Final = "VOCALIZED_VAULT_KEYS"
BUS_KEYS: Final = "VOCALIZED_BUS_KEYS"
SECRET_KEYS: Final = "VOCALIZED_SECRET_KEYS"
_FILES: Final = {TOKEN_KEYS: "token-keys", VAULT_KEYS: "vault-keys", BUS_KEYS: "bus-keys"}
REDIS_URL: Final = "VOCALIZED_REDIS_URL"
# Within `up` only: no program reads them.
_REDIS_OF: Final = "_REDIS_URL_"
# What a platform of the version before has: what it sealed must be opened.
_SHARED_FILE: Final = "secret-keys"


def make_key_settings(state: Path) -> dict[str, str]:
    """The settings of all sets. Generated at the first start; without them nothing that was sealed can be opened."""
    settings = {name: _read_or_make(state / file) for name, file in _FILES.items()}
    shared = state / _SHARED_FILE
    return settings | {SECRET_KEYS: shared.read_text().strip()} if shared.exists() else settings


def parse_key_settings(settings: Mapping[str, str]) -> KeySets:
    """Raises shared.key_sets.KeySetError."""
    return make_key_sets(
        tokens=settings.get(TOKEN_KEYS, ""),
        vault=settings.get(VAULT_KEYS, ""),
        bus=settings.get(BUS_KEYS, ""),
        shared=settings.get(SECRET_KEYS, ""),
    )


def node_key_settings(settings: Mapping[str, str], url: str) -> dict[str, str]:
    """Return the settings of the nodes at `url`: a node credential without keys, or the previous version's one set."""
    if not settings.get(BUS_KEYS):
        return {SECRET_KEYS: settings[SECRET_KEYS]}
    return {"VOCALIZED_MEDIA_PASS": Enrollment(parse_key_settings(settings).bus).make_credential(url).text}


def share_one_set(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with one set of keys for everything, for programs of the version before."""
    rest = {name: value for name, value in settings.items() if name not in _FILES}
    return rest | {SECRET_KEYS: settings[VAULT_KEYS]}


def make_redis_passwords(state: Path) -> dict[str, str]:
    """The password of each program's user in Redis, made at the first start."""
    return {name: _read_or_make(state / f"redis-password-{name}") for name in RULES}


def redis_url_of(program: str) -> str:
    """The name of a program's own URL of Redis among settings of all programs, until `redis_settings` takes it."""
    return f"{_REDIS_OF}{program.upper()}"


def redis_settings(settings: Mapping[str, str], program: str) -> dict[str, str]:
    """The settings by which a program signs in to Redis as its own user; of a Redis without such users, as they are.
    The other programs' URLs are not among them."""
    own = settings.get(redis_url_of(program))
    rest = {name: value for name, value in settings.items() if not name.startswith(_REDIS_OF)}
    return rest if own is None else rest | {REDIS_URL: own}


def redis_urls(url: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """The URLs of all programs, until `redis_settings` takes that of one."""
    return {redis_url_of(name): user_url(url, name, passwords[name]) for name in RULES}


def _read_or_make(path: Path) -> str:
    if not path.exists():
        write_secret(path, new_key().encode())
    return path.read_text().strip()
