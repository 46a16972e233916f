"""The provider catalog: the offers for a workspace, and how staff edit providers, their keys and the routing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.voice.catalog import queries
from control.voice.catalog.rules import (
    addresses,
    is_moved,
    require_address,
    require_options,
    require_services,
    require_values,
)
from control.voice.figures import queries as figures_queries
from control.voice.figures.queries import KEPT
from control.voice.figures.rules import ProbeState, RoleFigures
from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider, open_key, require_key, seal_key
from control.voice.routing import queries as routing_queries
from control.voice.routing.rules import (
    FIRST_STRATEGY,
    KINDS,
    QUALITY,
    VENDOR,
    CatalogedProvider,
    Kind,
    PlatformRouting,
    ProviderOffer,
    ProviderOffers,
    Strategy,
    make_rules,
)
from shared.errors import Conflict, Invalid, NotFound
from shared.providers.facts import VendorFacts
from shared.secrets import Sealer
from vendors.registry import VENDORS

# SQL fragments for the read model of an answering agent, which loads offers and rules in its own query: the figures of
# provider `p`, and the routing rules of workspace `w`.
FIGURES_QUERY: Final = routing_queries.SELECT_FIGURES
RULES_QUERY: Final = routing_queries.SELECT_RULES
# Columns that the code defines. Staff may change all others.
SHIPPED_FACTS: Final = ("provider", "display_name", "kinds", "needs_key", "for_tests", "options")


async def list_workspace_offers(db: Connection, workspace_id: UUID, *, standins: bool) -> ProviderOffers:
    """Return all providers with the workspace's own settings.

    Args:
        standins: Whether providers that exist only for tests may be used.
    """
    offers = await queries.select_offers(db, workspace_id)
    rules = make_rules(await routing_queries.select_rules(db, workspace_id))
    return ProviderOffers(offers, standins=standins, rules=rules)


async def list_catalog(db: Connection) -> list[ProviderOffer]:
    """Return all providers by name, without a workspace's settings."""
    return await queries.select_catalog(db)


async def seed_providers(db: Connection, providers: Iterable[Mapping[str, Any]]) -> None:
    """Insert the providers that the product ships with. `migrate` calls this function.

    Args:
        providers: The columns of each provider, by name. For existing providers, only SHIPPED_FACTS are updated.
    """
    for provider in providers:
        facts = {name: provider[name] for name in SHIPPED_FACTS}
        firsts = {name: value for name, value in provider.items() if name not in facts}
        await queries.upsert_provider(db, {**facts, "is_shipped": True}, firsts)


async def save_estimated_costs(db: Connection, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Store the estimated costs of a minute in US dollars, by provider and role. Requires platform scope."""
    await figures_queries.update_costs(db, costs)


# Path segments of the API that would hide a provider with the same name.
RESERVED: Final = ("health", "costs", "routing")


@dataclass(frozen=True, slots=True)
class ProviderEdit:
    """Input for a new or changed provider. A field that is None stays unchanged.

    Attributes:
        config: Options by kind, `vendor`, and quality marks by kind under `quality`. A kind replaces all its stored
            options.
        removes_key: Whether to delete the key, for a server that takes none.
    """

    config: Mapping[str, Any]
    key: str | None = field(default=None, repr=False)
    removes_key: bool = False
    priority: int | None = None
    is_enabled: bool | None = None
    data_policy: Mapping[str, Any] | None = None


class ProviderAdministration:
    """Lets staff edit the catalog. All methods require platform scope.

    `KeyChecker.check` checks keys and settings outside of a transaction before they are saved.
    """

    def __init__(self, sealer: Sealer, checker: KeyChecker) -> None:
        self.sealer = sealer
        self.checker = checker

    async def list_all(self, db: Connection) -> list[CatalogedProvider]:
        """Return all providers, ordered by priority."""
        return await queries.select_cataloged(db)

    async def get(self, db: Connection, provider: str) -> CatalogedProvider:
        """Return a provider. Raises NotFound."""
        found = await queries.select_cataloged(db, provider)
        return _require_found(found[0] if found else None)

    async def prepare_new(self, db: Connection, provider: str, edit: ProviderEdit) -> KeyCheck | None:
        """Return the check that must pass before the provider is created, or None.

        Raises Invalid, Conflict (code provider_exists).
        """
        if await queries.select_cataloged(db, provider):
            raise Conflict(f"There is a provider {provider!r} already.", code="provider_exists", param="provider")
        offer = make_offer(provider, edit)
        if edit.key:
            require_key(edit.key, "api_key")
        return _check_of(offer, edit.key or "")

    async def create(self, db: Connection, actor: Actor, provider: str, edit: ProviderEdit) -> CatalogedProvider:
        """Create a provider. Raises Invalid, Conflict (code provider_exists)."""
        offer = make_offer(provider, edit)
        sealed = seal_key(self.sealer, edit.key, "api_key") if edit.key else None
        if not await queries.insert_instance(db, offer, sealed):
            raise Conflict(f"There is a provider {provider!r} already.", code="provider_exists", param="provider")
        await record_change(db, actor, Change("provider.create", "provider", provider, after=_audited(offer)))
        return await self.get(db, provider)

    async def prepare_change(self, db: Connection, provider: str, edit: ProviderEdit) -> KeyCheck | None:
        """Return the check that must pass before the provider is changed.

        Returns None if neither key nor settings change, or if the provider is out of service. Raises NotFound, Invalid,
        Conflict (code vendor_fixed).
        """
        before = _require_found(await queries.lock_cataloged(db, provider)).offer
        after = change_offer(before, edit)
        if edit.key:
            require_key(edit.key, "api_key")
        was_enabled = edit.is_enabled is not None and after.is_enabled and not before.is_enabled
        if not (edit.key or edit.config or was_enabled) or not after.is_enabled:
            return None
        return _check_of(after, edit.key or await self._stored_key(db, provider))

    async def change(self, db: Connection, actor: Actor, provider: str, edit: ProviderEdit) -> CatalogedProvider:
        """Change a provider. Raises NotFound, Invalid, Conflict (code vendor_fixed)."""
        before = _require_found(await queries.lock_cataloged(db, provider)).offer
        after = change_offer(before, edit)
        await queries.update_instance(db, after)
        if edit.key or edit.removes_key:
            sealed = seal_key(self.sealer, edit.key, "api_key") if edit.key else None
            await queries.update_key(db, provider, sealed)
        if edit.key or edit.removes_key or (after.config, after.is_enabled) != (before.config, before.is_enabled):
            await figures_queries.forget_probes(db, provider)
        await record_change(db, actor, _make_change(before, after, key_changed=bool(edit.key or edit.removes_key)))
        return await self.get(db, provider)

    async def delete(self, db: Connection, actor: Actor, provider: str) -> None:
        """Delete a provider. Raises NotFound, Conflict (codes provider_shipped, provider_in_use)."""
        found = _require_found(await queries.lock_cataloged(db, provider))
        if found.is_shipped:
            message = "The product ships with this provider: take it out of service by is_enabled instead."
            raise Conflict(message, code="provider_shipped")
        if await queries.is_named_by_live_agent(db, provider):
            raise Conflict("Live agents name this provider.", code="provider_in_use")
        await queries.delete_provider(db, provider)
        await routing_queries.remove_from_chain(db, [provider])
        before = _audited(found.offer)
        await record_change(db, actor, Change("provider.delete", "provider", provider, before=before))

    async def list_figures(self, db: Connection) -> list[RoleFigures]:
        """Return the measured figures of each role of each provider."""
        return await figures_queries.select_figures(db)

    async def list_probe_states(self, db: Connection, now: datetime) -> dict[str, ProbeState]:
        """Return the result of each provider's latest probe within two days."""
        return await figures_queries.select_probe_states(db, now - KEPT)

    async def get_routing(self, db: Connection) -> PlatformRouting:
        """Return the platform's routing. Return the default if no routing has been set."""
        return await routing_queries.select_routing(db) or PlatformRouting(FIRST_STRATEGY, (), None)

    async def set_routing(
        self, db: Connection, actor: Actor, strategy: Strategy, chain: Sequence[str], now: datetime
    ) -> PlatformRouting:
        """Set the platform's routing. Raises Invalid (codes provider_unknown, provider_repeated)."""
        known = {entry.offer.provider for entry in await self.list_all(db)}
        for place, name in enumerate(chain):
            if name not in known:
                message = f"There is no provider {name!r}."
                raise Invalid(message, code="provider_unknown", param=f"fallback_chain.{place}")
            if name in chain[:place]:
                raise Invalid(f"{name} is named twice.", code="provider_repeated", param=f"fallback_chain.{place}")
        before, after = await self.get_routing(db), PlatformRouting(strategy, tuple(chain), now)
        await routing_queries.upsert_routing(db, after)
        change = Change("routing.update", "routing", "platform", before=_routing(before), after=_routing(after))
        await record_change(db, actor, change)
        return after

    async def _stored_key(self, db: Connection, provider: str) -> str:
        found = await queries.select_sealed(db, provider)
        sealed = found[1] if found is not None else None
        return "" if sealed is None else open_key(self.sealer, sealed) or ""


def make_offer(provider: str, edit: ProviderEdit) -> ProviderOffer:
    """Return a new provider from the staff's input. Raises Invalid."""
    require_name(provider, "provider")
    if provider in RESERVED:
        raise Invalid("A path of the API has this name.", code="name_reserved", param="provider")
    vendor = edit.config.get(VENDOR) or provider
    facts = require_vendor(vendor)
    named = [kind for kind in facts.kinds if kind in edit.config]
    kinds = named or list(facts.kinds)
    offer = ProviderOffer(
        provider=provider,
        kinds=kinds,
        is_enabled=edit.is_enabled is not False,
        priority=100 if edit.priority is None else edit.priority,
        needs_key=bool(edit.key),
        for_tests=False,
        config={VENDOR: vendor, **{kind: {} for kind in kinds}},
        options={kind: list(facts.options[kind]) for kind in kinds},
        platform_key=bool(edit.key),
    )
    return _with_config(offer, facts, edit)


def change_offer(before: ProviderOffer, edit: ProviderEdit) -> ProviderOffer:
    """Return the provider with the changes applied. Raises Invalid, Conflict (code vendor_fixed)."""
    vendor = edit.config.get(VENDOR, before.vendor)
    if vendor != before.vendor:
        message = f"{before.provider} is of vendor {before.vendor}, which cannot be changed."
        raise Conflict(message, code="vendor_fixed", param="config.vendor")
    facts = VENDORS.get(before.vendor)
    is_enabled = before.is_enabled if edit.is_enabled is None else edit.is_enabled
    if is_enabled and (facts is None or not set(before.kinds) <= set(facts.kinds)):
        message = f"Media has no adapter for vendor {before.vendor!r} yet."
        raise Invalid(message, code="vendor_unknown", param="is_enabled")
    has_key = (before.platform_key or bool(edit.key)) and not edit.removes_key
    if has_key and not edit.key:
        _require_known_addresses(before, edit)
    after = replace(
        before,
        is_enabled=is_enabled,
        priority=before.priority if edit.priority is None else edit.priority,
        needs_key=bool(edit.key) or (before.needs_key and not edit.removes_key),
        platform_key=has_key,
    )
    return _with_config(after, facts or VendorFacts({}, {}), edit)


def _require_known_addresses(before: ProviderOffer, edit: ProviderEdit) -> None:
    """Raise Invalid (code key_missing) if the address changes and the key is not sent again.

    Otherwise anyone who may change the address could have the stored key sent to their own server.
    """
    known = dict(addresses(before.config))
    runs_services = before.vendor in VENDORS and VENDORS[before.vendor].runs_services
    is_elsewhere = any(known.get(param) != url for param, url in addresses(edit.config))
    if is_elsewhere or (runs_services and is_moved(before.config, edit.config)):
        message = "A new address needs the key again. The stored key is sent only to the old address."
        raise Invalid(message, code="key_missing", param="api_key")


def require_vendor(name: object) -> VendorFacts:
    """Return the facts about a vendor. Raises Invalid (code vendor_unknown)."""
    facts = VENDORS.get(name) if isinstance(name, str) else None
    if facts is None:
        keyed = [known for known, vendor in VENDORS.items() if vendor.takes_key or vendor.runs_services]
        message = f"Media has no adapter for this vendor, only for {', '.join(keyed)}."
        raise Invalid(message, code="vendor_unknown", param="config.vendor")
    return facts


def _with_config(offer: ProviderOffer, facts: VendorFacts, edit: ProviderEdit) -> ProviderOffer:
    """Return the offer with the config of the edit. Raises Invalid."""
    config = {**offer.config, **edit.config}
    if facts.runs_services:
        require_services(config, offer.kinds, has_key=offer.platform_key)
    else:
        _require_options(offer, facts, edit)
    marks = edit.config.get(QUALITY, {})
    if not isinstance(marks, Mapping) or not all(_is_mark(mark) for mark in marks.values()):
        raise Invalid("Marks of quality are numbers from 0 to 100, by kind.", param="config.quality")
    policy = offer.data_policy if edit.data_policy is None else edit.data_policy
    return replace(offer, config=config, data_policy=policy)


def _require_options(offer: ProviderOffer, facts: VendorFacts, edit: ProviderEdit) -> None:
    """Check the options of the edit. Raises Invalid."""
    allowed = {kind: {*offer.options.get(kind, ()), *facts.options.get(kind, ())} for kind in offer.kinds}  # type: ignore[call-overload]
    require_options(
        edit.config,
        {kind: sorted(names) for kind, names in allowed.items()},
        address_kinds=KINDS if facts.takes_key else (),
    )
    for param, url in addresses(edit.config):
        require_address(url, param)
    require_values(edit.config, offer.vendor)


def _is_mark(mark: object) -> bool:
    return isinstance(mark, int | float) and not isinstance(mark, bool) and 0 <= mark <= 100


def _check_of(offer: ProviderOffer, key: str) -> KeyCheck | None:
    return KeyCheck(KeyedProvider(offer, key)) if offer.is_enabled and (key or not offer.needs_key) else None


def _require_found(found: CatalogedProvider | None) -> CatalogedProvider:
    if found is None:
        raise NotFound("There is no such provider.", code="provider_not_found")
    return found


def _audited(offer: ProviderOffer) -> dict[str, Any]:
    return {
        "is_enabled": offer.is_enabled,
        "priority": offer.priority,
        "config": offer.config,
        "data_policy": offer.data_policy,
        "keyed": offer.platform_key,
    }


def _make_change(before: ProviderOffer, after: ProviderOffer, *, key_changed: bool) -> Change:
    old, new = _audited(before), _audited(after)
    changed = [name for name in new if old[name] != new[name]]
    return Change(
        "provider.update",
        "provider",
        after.provider,
        before={name: old[name] for name in changed},
        after={**{name: new[name] for name in changed}, "key_changed": key_changed},
    )


def _routing(routing: PlatformRouting) -> dict[str, Any]:
    values = asdict(routing)
    return {name: values[name] for name in ("default_strategy", "fallback_chain")}


# -- The command `set-key` --

# Lower than the priority of all shipped providers, so that agents that name no model use the operator's own.
FIRST_PRIORITY: Final = 50
# Options of the server. They stay when the model changes.
_SERVER_OPTIONS: Final = ("base_url", "dialect", "api_version")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Input of `set-key`.

    Attributes:
        key: None for a server without keys.
        vendor: Required for a new instance.
        base_url: Empty leaves the address unchanged.
        model: Empty leaves the model unchanged.
        priority: Lower values come earlier in a default chain. None leaves the priority unchanged.
    """

    provider: str
    key: str | None
    vendor: str = ""
    base_url: str = ""
    model: str = ""
    priority: int | None = None


async def set_key(db: Connection, sealer: Sealer, change: KeyChange) -> ProviderOffer:
    """Store the sealed key and the settings, put the provider into service, and record the change in the audit log.

    Raises Invalid and Conflict, whose `param` names the invalid option. Requires platform scope.
    """
    sealed = None if change.key is None else seal_key(sealer, change.key)
    stored = await queries.lock_provider(db, change.provider)
    instance = make_instance(change) if stored is None else _changed_instance(stored, change)
    await queries.upsert_instance(db, instance, sealed)
    await figures_queries.forget_probes(db, change.provider)
    after = {"vendor": instance.vendor, "config": instance.config, "keyed": sealed is not None}
    await record_change(db, Actor("system"), Change("provider.set_key", "provider", change.provider, after=after))
    return instance


async def get_keyed_provider(db: Connection, sealer: Sealer, provider: str) -> KeyedProvider:
    """Return a provider with its opened key. Raises NotFound, and Conflict if no key can be opened."""
    found = await queries.select_sealed(db, provider)
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
    """Check the name of a provider. Raises Invalid, which names `param`."""
    if not _NAME.fullmatch(provider):
        raise Invalid("a name is a letter, then letters, digits, - and _, in lower case", param=param)


def make_instance(change: KeyChange) -> ProviderOffer:
    """Return a new provider of a vendor, for `set-key`. Raises Invalid."""
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
    """Return the kinds that the model supports. Raises Invalid if there are none."""
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
        raise Invalid(f"{instance.provider} is {kinds}, and {change.model!r} does not support that", param="model")
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
    """Return the options after a change. A new model drops the options of the previous model (`reasoning_effort`).

    Options of the server stay.
    """
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
