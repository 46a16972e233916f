"""Tries accounts at vendors: one request for each role, several at once, each within a time limit."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from control.billing.prices.rules import Consumption, PriceList
from control.voice.accounts import ProviderAccount
from control.voice.keys import KEY_OPTION
from control.voice.routing.rules import KINDS, Kind
from control.voice.vendor_words import read_words, redact
from media.providers.ports import ProviderError
from media.providers.usage import UsageMeter
from media.providers.vendor import Adapter, ProviderSetup, ProviderUnusable, Vendor, VendorResources
from shared.events import UsageRecorded
from vendors.registry import explain_fault
from vocalized.doctor.provider_requests import MAX_TOKENS, ask_model, recognize_clip, speak_word

# Requests at once: enough to be quick, too few for any vendor's limit.
MOST_AT_ONCE: Final = 4
_TOKEN_LIMITS: Final = ("max_tokens", "max_completion_tokens")
# Their limit counts thinking as well, which not every model can be kept from: a word would not come.
_THINKERS: Final = ("anthropic", "google")


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """clip: a recording of speech, mu-law at 8 kHz. language: of the clip, and the one that voices are to speak.
    timeout_s: longest time of a request."""

    clip: bytes = field(repr=False)
    language: str = "en"
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ProviderTrial:
    """How one provider did in one role. ms: until the first word, audio or text; None when it failed. reason: why it
    failed, in the vendor's words where it has any; empty when it works. used: what the request consumed."""

    provider: str
    vendor: str
    role: Kind
    model: str
    ms: float | None = None
    reason: str = ""
    used: Sequence[UsageRecorded] = ()

    @property
    def works(self) -> bool:
        """Whether a call could use it."""
        return not self.reason

    def cost(self, prices: PriceList, at: datetime) -> Decimal | None:
        """What it cost in US dollars; None where a price is missing."""
        total = Decimal(0)
        for one in self.used:
            consumed = Consumption("cost", self.provider, self.role, one.model, one.unit, one.quantity)
            amount = prices.calculate(consumed, at).value
            if amount is None:
                return None
            total += amount
        return total


async def try_accounts(
    accounts: Iterable[ProviderAccount], vendors: Sequence[Vendor], resources: VendorResources, options: TrialOptions
) -> list[ProviderTrial]:
    """In the order of the accounts and of the roles stt, llm, tts."""
    adapters = {vendor.name: vendor for vendor in vendors}
    free = asyncio.Semaphore(MOST_AT_ONCE)

    async def attempt(account: ProviderAccount, kind: Kind) -> ProviderTrial:
        async with free:
            adapter = getattr(adapters[account.offer.vendor], kind)
            return await _AccountTrial(account, kind, adapter, resources, options).run()

    wanted = [(account, kind) for account in accounts for kind in KINDS if kind in account.offer.kinds]
    return list(await asyncio.gather(*(attempt(account, kind) for account, kind in wanted)))


@dataclass(slots=True)
class _AccountTrial:
    """One request to one account. used: grows while it runs."""

    account: ProviderAccount
    kind: Kind
    adapter: Adapter[Any]
    resources: VendorResources
    options: TrialOptions
    model: str = ""
    used: list[UsageRecorded] = field(default_factory=list)

    async def run(self) -> ProviderTrial:
        """Never raises for a failure of the provider."""
        if self.account.fault:
            return self._result(reason=self.account.fault)
        try:
            async with asyncio.timeout(self.options.timeout_s):
                return self._result(ms=await self._request())
        except msgspec.ValidationError as error:
            return self._result(reason=f"its options cannot be used: {explain_fault(error)}")
        except ProviderUnusable as error:
            return self._result(reason=f"it cannot be used: {error}")
        except ProviderError as error:
            reason = redact(error.reason, self.account.key)  # a vendor's code, which is part of it, may be anything
            words = read_words(error.answer, self.account.key)
            return self._result(reason=f"{reason}: {words}" if words else reason)
        except TimeoutError:
            return self._result(reason=f"no answer within {self.options.timeout_s:g} s")

    async def _request(self) -> float:
        """Milliseconds to the first useful unit. Raises ProviderError, ProviderUnusable, msgspec.ValidationError."""
        offer, language = self.account.offer, self.options.language
        options = msgspec.convert(self._plan_options(), self.adapter.options)
        self.model = self.adapter.model(options)
        provider = self.adapter.make(
            ProviderSetup(offer.provider, options, self.resources, offer.is_guarded(self.kind))
        )
        meter = UsageMeter(self.kind, offer.provider, self.used.append, vendor=offer.vendor, model=self.model)
        if self.kind == "llm":
            return await ask_model(provider, meter, language)
        if self.kind == "tts":
            return await speak_word(provider, meter, language)
        return await recognize_clip(provider, meter, language, self.options.clip)

    def _plan_options(self) -> Mapping[str, Any]:
        """The options as a call's plan has them. A limit of tokens is added to a model's that does not think."""
        options = dict(self.account.offer.defaults(self.kind))
        if self.account.key:
            options[KEY_OPTION] = self.account.key
        takes_limit = _TOKEN_LIMITS[0] in self.adapter.options.__struct_fields__
        if takes_limit and self.account.offer.vendor not in _THINKERS and not options.keys() & set(_TOKEN_LIMITS):
            options[_TOKEN_LIMITS[0]] = MAX_TOKENS
        return options

    def _result(self, ms: float | None = None, reason: str = "") -> ProviderTrial:
        offer = self.account.offer
        return ProviderTrial(
            provider=offer.provider,
            vendor=offer.vendor,
            role=self.kind,
            model=self.model,
            ms=ms,
            reason=reason,
            used=tuple(self.used),
        )
