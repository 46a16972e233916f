"""Sets a platform key: puts a provider of the catalogue into service, or a new instance of a vendor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.voice import store_figures, store_providers
from control.voice.keys import open_key, seal_key
from control.voice.offers import KINDS, VENDOR, Kind, ProviderOffer
from shared.errors import Conflict, Invalid, NotFound
from shared.providers.facts import VendorFacts
from shared.secrets import Sealer
from vendors.registry import VENDORS

# Before all that the product ships with, so that an agent that names no model uses the operator's own.
FIRST_PRIORITY: Final = 50
# Options that belong to the server, not to the model.
_SERVER_OPTIONS: Final = ("base_url", "dialect", "api_version")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What `set-key` sets. key: None for a server without keys. vendor: needed for a new instance. base_url, model:
    empty leaves them as they are. priority: the lower, the earlier in a default chain; None leaves it."""

    provider: str
    key: str | None
    vendor: str = ""
    base_url: str = ""
    model: str = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class KeyedProvider:
    """A provider with its platform key. key: empty for a server without keys."""

    offer: ProviderOffer
    key: str = field(repr=False)


async def set_key(db: Connection, sealer: Sealer, change: KeyChange) -> ProviderOffer:
    """Stores the sealed key and the settings, puts the provider into service, and records it in the audit log.

    Raises Invalid and Conflict, whose `param` names the option at fault. Needs platform scope.
    """
    sealed = None if change.key is None else seal_key(sealer, change.key)
    stored = await store_providers.lock_provider(db, change.provider)
    instance = make_instance(change) if stored is None else _changed_instance(stored, change)
    await store_providers.upsert_instance(db, instance, sealed)
    await store_figures.forget_probes(db, change.provider)
    after = {"vendor": instance.vendor, "config": instance.config, "keyed": sealed is not None}
    await record_change(db, Actor("system"), Change("provider.set_key", "provider", change.provider, after=after))
    return instance


async def get_keyed_provider(db: Connection, sealer: Sealer, provider: str) -> KeyedProvider:
    """A provider with its opened key. Raises NotFound, and Conflict when it has no key that can be opened."""
    found = await store_providers.select_sealed(db, provider)
    if found is None:
        raise NotFound(f"there is no provider {provider!r}", code="provider_not_found", param="instance")
    offer, sealed = found
    key = "" if sealed is None else open_key(sealer, sealed)
    if key is None:
        raise Conflict(f"the key of {provider} cannot be opened: set it again", code="key_lost", param="instance")
    if offer.needs_key and not key:
        raise Conflict(f"{provider} has no key: set one first", code="key_missing", param="instance")
    return KeyedProvider(offer, key)


def require_name(provider: str, param: str) -> None:
    """Raises Invalid, which names `param`."""
    if not _NAME.fullmatch(provider):
        raise Invalid("a name is a letter, then letters, digits, - and _, in lower case", param=param)


def make_instance(change: KeyChange) -> ProviderOffer:
    """A new provider of a vendor. Raises Invalid."""
    require_name(change.provider, "instance")
    if not change.vendor:
        raise Invalid(f"there is no provider {change.provider!r}; for a new one name its vendor", param="vendor")
    facts = _require_vendor(change.vendor)
    if not change.model:
        raise Invalid("a new provider needs a model", param="model")
    kinds = _kinds_of_model(facts, change)
    instance = ProviderOffer(
        provider=change.provider,
        kinds=kinds,
        is_enabled=True,
        priority=FIRST_PRIORITY,
        needs_key=change.key is not None,
        for_tests=False,
        config={VENDOR: change.vendor, **{kind: {} for kind in kinds}},
        options={kind: list(facts.options[kind]) for kind in kinds},
        platform_key=change.key is not None,
    )
    return _with_settings(instance, change, facts)


def _changed_instance(stored: ProviderOffer, change: KeyChange) -> ProviderOffer:
    if change.vendor and change.vendor != stored.vendor:
        raise Conflict(f"{stored.provider} is of vendor {stored.vendor}", code="vendor_fixed", param="vendor")
    facts = _require_vendor(stored.vendor)
    if not set(stored.kinds) <= set(facts.kinds):
        raise Conflict(f"media cannot make {stored.provider} yet", code="vendor_unknown", param="instance")
    if stored.needs_key and change.key is None:
        raise Invalid(f"{stored.provider} needs a key", code="key_missing", param="no-key")
    return _with_settings(replace(stored, is_enabled=True, platform_key=change.key is not None), change, facts)


def _require_vendor(name: str) -> VendorFacts:
    facts, keyed = VENDORS.get(name), [known for known, facts in VENDORS.items() if facts.takes_key]
    if facts is None or not facts.takes_key:
        message = f"media has no adapter for vendor {name!r} that takes a key, only for {', '.join(keyed)}"
        raise Invalid(message, code="vendor_unknown", param="vendor")
    return facts


def _kinds_of_model(facts: VendorFacts, change: KeyChange) -> tuple[Kind, ...]:
    """The kinds that the model can be. Raises Invalid if there is none."""
    kinds = tuple(kind for kind in facts.kinds if facts.has_model(kind, change.model))
    if not kinds:
        known = ", ".join(prefix + "…" for prefixes in facts.model_prefixes.values() for prefix in prefixes)
        raise Invalid(f"the vendor has no model {change.model!r}, only {known}", param="model")
    return kinds


def _with_settings(instance: ProviderOffer, change: KeyChange, facts: VendorFacts) -> ProviderOffer:
    if change.base_url:
        _require_base_url(change.base_url)
    with_model = _kinds_of_model(facts, change) if change.model else ()
    if change.model and not set(with_model) & set(instance.kinds):
        kinds = ", ".join(instance.kinds)
        raise Invalid(f"{instance.provider} is {kinds}, and {change.model!r} is no model for that", param="model")
    without_model = replace(change, model="")
    config: dict[str, Any] = dict(instance.config)
    for kind in KINDS:
        if kind in instance.kinds:
            change_of_kind = change if kind in with_model else without_model
            config[kind] = _merge_options(instance.defaults(kind), change_of_kind)
    if any(config[kind].get("base_url") == "" for kind in instance.kinds):
        raise Invalid(f"{instance.provider} needs the address of your own resource", param="base-url")
    priority = instance.priority if change.priority is None else change.priority
    return replace(instance, config=config, priority=priority, needs_key=change.key is not None)


def _merge_options(stored: Mapping[str, Any], change: KeyChange) -> dict[str, Any]:
    """A new model drops the options that were for the model before (`reasoning_effort`); those of the server stay."""
    kept = {name: value for name, value in stored.items() if name in _SERVER_OPTIONS or not change.model}
    set_now = {"base_url": change.base_url, "model": change.model}
    return {**kept, **{name: value for name, value in set_now.items() if value}}


def _require_base_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        fine = fine and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid("must be an address like https://api.example.com/v1", param="base-url")
