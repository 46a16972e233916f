"""One tiny request to each account: what works, the vendor's words for what does not, and what it cost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from control.billing.prices.rules import PriceKey, PriceList, PriceVersion
from control.voice.accounts import ProviderAccount
from simulator.vendors.faults import Fault, FaultKind, Role
from tests.control.agents.strategies import offer
from tests.vocalized.doctor.vendor_accounts import CLIP, KEY, TriedVendors, running_accounts
from vocalized.doctor.provider_requests import WORD

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ACCOUNTS: list[tuple[str, Role]] = [
    ("deepgram", "stt"), ("deepgram", "tts"), ("openai", "llm"), ("cartesia", "stt"), ("cartesia", "tts"),
    ("elevenlabs", "stt"), ("elevenlabs", "tts"),
]  # fmt: skip
CREDIT = {
    ("deepgram", "stt"): "HTTP 402: Project does not have enough credits.",
    ("deepgram", "tts"): "HTTP 402: Project does not have enough credits.",
    ("openai", "llm"): "HTTP 429 insufficient_quota: You exceeded your current quota.",
    ("cartesia", "stt"): "HTTP 402: The credits of this month are used up.",
    ("cartesia", "tts"): "error 402 quota_exceeded: The credits of this month are used up.",
    ("elevenlabs", "stt"): "error quota_exceeded: You have exceeded your quota.",
    ("elevenlabs", "tts"): "error quota_exceeded: This request exceeds your quota. You have 0 credits remaining.",
}
BUSY = {
    ("deepgram", "stt"): "HTTP 429: Too many requests. Please try again later.",
    ("deepgram", "tts"): "HTTP 429: Too many requests. Please try again later.",
    ("openai", "llm"): "HTTP 429 rate_limit_exceeded: Rate limit reached.",
    ("cartesia", "stt"): "HTTP 429: The plan's concurrency limit is exceeded.",
    ("cartesia", "tts"): "error 429 concurrency_limited: The plan's concurrency limit is exceeded.",
    ("elevenlabs", "stt"): "error rate_limited: You are rate limited.",
    ("elevenlabs", "tts"): "error too_many_concurrent_requests: Too many concurrent requests.",
}
# ElevenLabs tells a wrong key by a code of its own, behind the handshake.
WRONG_KEY = {("elevenlabs", "stt"): "auth_error", ("elevenlabs", "tts"): "invalid_api_key"}
WRONG_MODEL = {
    ("deepgram", "stt"): ("supernova-3", "http 400: no such model"),
    ("deepgram", "tts"): ("aura-9-nobody-xx", "aura-9-nobody-xx does not support 'en'"),
    ("openai", "llm"): ("gpt-0", "http 404 model_not_found: the model `gpt-0` does not exist"),
    ("cartesia", "stt"): ("unk-2", "error 404 model_not_found: "),
    ("cartesia", "tts"): ("tonic", "error 404 model_not_found: "),
    ("elevenlabs", "stt"): ("scribe_v9", "error invalid_request: invalid model_id"),
    ("elevenlabs", "tts"): ("eleven_v9", "error model_not_found: a model with model_id eleven_v9 does not exist"),
}


@pytest.fixture
async def vendors(tmp_path: Path) -> AsyncIterator[TriedVendors]:
    async with running_accounts(tmp_path) as running:
        yield running


async def test_all_roles_work_and_are_metered_as_the_vendors_bill(vendors: TriedVendors) -> None:
    accounts = [
        vendors.account("deepgram", "stt", "tts"), vendors.account("openai", "llm"),
        vendors.account("cartesia", "stt", "tts"), vendors.account("elevenlabs", "stt", "tts"),
    ]  # fmt: skip
    trials = await vendors.attempt(*accounts)
    assert [(trial.vendor, trial.role, trial.reason) for trial in trials] == [(*pair, "") for pair in ACCOUNTS]
    assert all(trial.ms is not None and 0 < trial.ms < 5_000 for trial in trials)
    for trial in trials:
        state = vendors.states[trial.vendor]
        assert trial.used
        for used in trial.used:
            assert used.quantity == state.total(trial.role, used.unit)
    assert {used.quantity for trial in trials for used in trial.used if used.unit in ("ms", "characters")} == {
        len(CLIP) // 8, len(WORD),
    }  # fmt: skip


@pytest.mark.parametrize(("vendor", "role"), ACCOUNTS)
async def test_the_vendors_own_words_tell_why_it_fails(vendors: TriedVendors, vendor: str, role: Role) -> None:
    account = vendors.account(vendor, role)
    board, reasons = vendors.states[vendor].faults, dict[FaultKind, str]()
    for kind in ("no_credit", "rate_limited", "refuse", "garbage", "cut"):
        board.strike(role, Fault(kind))  # also the connections that are kept
        (trial,) = await vendors.attempt(account)
        reasons[kind] = trial.reason
        board.heal(role)
    assert reasons["no_credit"] == CREDIT[vendor, role]
    assert reasons["rate_limited"] == BUSY[vendor, role]
    assert all(reasons.values())
    assert [reasons["garbage"]] in (["an unreadable message"], ["an unreadable chunk"])


@pytest.mark.parametrize(("vendor", "role"), ACCOUNTS)
async def test_a_wrong_key_or_model_is_told_without_the_key(vendors: TriedVendors, vendor: str, role: Role) -> None:
    model, words = WRONG_MODEL[vendor, role]
    wrong = vendors.account(vendor, role, key=f"{KEY}-2")
    key, named = await vendors.attempt(wrong, vendors.account(vendor, role, model=model))
    assert WRONG_KEY.get((vendor, role), "401") in key.reason and ": " in key.reason
    assert named.reason.lower().startswith(words)
    assert not any(KEY[at : at + 6] in f"{key}{named}{wrong}" for at in range(len(KEY) - 5))


@pytest.mark.parametrize(("vendor", "role"), ACCOUNTS)
async def test_silence_of_the_vendor_ends_in_time(vendors: TriedVendors, vendor: str, role: Role) -> None:
    vendors.options = replace(vendors.options, timeout_s=0.4)
    vendors.states[vendor].faults.queue(role, Fault("stall"))
    (trial,) = await vendors.attempt(vendors.account(vendor, role))
    assert trial.reason == "no answer within 0.4 s"
    assert [used.unit for used in trial.used] == [{"stt": "ms", "llm": "prompt_tokens", "tts": "characters"}[role]]


@pytest.mark.parametrize("vendor", ["deepgram", "cartesia", "elevenlabs"])
async def test_a_recognizer_that_hears_nothing_does_not_work(vendors: TriedVendors, vendor: str) -> None:
    vendors.states[vendor].faults.queue("stt", Fault("deaf"))
    (trial,) = await vendors.attempt(vendors.account(vendor, "stt"))
    assert trial.reason == "it heard no word of a recording of speech"


async def test_what_a_call_could_not_use_is_told_without_a_request(vendors: TriedVendors) -> None:
    lost = ProviderAccount(offer("lost", kinds=["llm"], config={"vendor": "openai"}), fault="its key cannot be opened")
    trials = await vendors.attempt(lost, vendors.account("openai", "llm", temperature="hot"))
    assert [trial.reason for trial in trials] == [
        "its key cannot be opened",
        "its options cannot be used: expected `float | null`, got `str` - at `$.temperature`",
    ]
    assert vendors.states["openai"].opened["llm"] == 0


async def test_a_field_that_the_model_does_not_take_is_left_out(vendors: TriedVendors) -> None:
    (trial,) = await vendors.attempt(vendors.account("openai", "llm", model="fixed", temperature=0.3))
    assert trial.works


async def test_the_cost_follows_the_price_list(vendors: TriedVendors) -> None:
    (trial,) = await vendors.attempt(vendors.account("deepgram", "stt"))
    key = PriceKey("cost", "my-deepgram", "stt", "nova-3", "minute")
    assert trial.cost(PriceList([PriceVersion(1, key, Decimal("0.6"), NOW)]), NOW) == Decimal(len(CLIP)) / 8 / 100_000
    assert trial.cost(PriceList([]), NOW) is None
