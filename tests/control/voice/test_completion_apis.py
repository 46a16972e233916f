"""Each vendor of language models, asked by control: a first word, a whole reply, and why there is none."""

from typing import Any

import pytest

from control.voice.chat_completion import can_complete, complete
from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider
from control.voice.probe import probe
from control.voice.routing.rules import VENDOR
from shared.egress import EgressGuard
from shared.errors import Invalid
from shared.plan import ProviderPlan
from shared.providers.chat_question import ChatFailed, ChatQuestion
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.server import running_vendor
from tests.control.agents.strategies import offer
from vendors.anthropic.simulator import AnthropicVendor
from vendors.google.simulator import GeminiVendor
from vendors.openai.simulator import ChatVendor
from vendors.registry import find_check

Vendor = ChatVendor | AnthropicVendor | GeminiVendor
MODELS: dict[str, tuple[type[Any], str]] = {
    "openai": (ChatVendor, "gpt-5.4-mini"),
    "anthropic": (AnthropicVendor, "claude-haiku-4-5"),
    "google": (GeminiVendor, "gemini-3.5-flash-lite"),
}
SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
MESSAGES = (
    {"role": "system", "content": "Answer with JSON."},
    {"role": "user", "content": "A transcript."},
    {"role": "assistant", "content": "No JSON."},
    {"role": "user", "content": "Again."},
)
QUESTION = ChatQuestion(MESSAGES, SCHEMA, 200, 5.0)
REPLY = '{"summary": "A short call."}'


def options(name: str, origin: str, **changed: Any) -> dict[str, Any]:
    return {"model": MODELS[name][1], "base_url": f"http://{origin}" + ("/v1" if name == "openai" else ""), **changed}


def keyed(name: str, origin: str, key: str, **changed: Any) -> KeyedProvider:
    config = {VENDOR: name, "llm": options(name, origin, **changed)}
    return KeyedProvider(offer("mine", kinds=["llm"], config=config), key)


async def ask(name: str, vendor: Vendor, **changed: Any) -> Any:
    async with running_vendor(vendor.routes(), None) as origin:
        plan = ProviderPlan("mine", {**options(name, origin, **changed), "api_key": vendor.state.key}, name)
        assert can_complete(plan)
        return await complete(plan, QUESTION, EgressGuard())


def test_services_of_pipecat_are_not_asked_from_here() -> None:
    assert not can_complete(ProviderPlan("mine", {}, "pipecat"))


@pytest.mark.parametrize("name", MODELS)
async def test_a_whole_reply_is_read_with_its_tokens(name: str) -> None:
    vendor = MODELS[name][0](reply=lambda body: ChatReply(REPLY))
    completion = await ask(name, vendor)
    assert completion.text == REPLY
    billed = {item.unit: item.quantity for item in vendor.state.billed}
    usage = completion.usage
    assert (usage.prompt, usage.completion) == (billed["prompt_tokens"], billed["completion_tokens"])
    assert not usage.is_estimated


@pytest.mark.parametrize("name", MODELS)
async def test_the_schema_is_asked_for_until_the_model_takes_none(name: str) -> None:
    asked: list[bool] = []

    def reply(body: Any) -> ChatReply:
        asked.append("response_format" in body)
        return ChatReply(REPLY)

    vendor = MODELS[name][0](reply=reply)
    await ask(name, vendor)
    assert asked == [True]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("anthropic", "output_config.format: 'claude-3' does not support structured outputs."),
        ("google", "JSON mode with response_json_schema is not enabled for this model."),
    ],
)
def test_a_format_that_the_model_does_not_take_is_given_up(name: str, words: str) -> None:
    check = find_check(name)
    assert check is not None and check.completions is not None
    api = check.completions({"model": "old"}, "key")
    body, error = api.make_body(QUESTION), {"message": words}
    assert not api.loosen_format(body, {"message": "another fault"})
    tries = 0
    while api.loosen_format(body, error):
        tries += 1
    assert tries == {"anthropic": 1, "google": 2}[name]
    assert not {"format", "responseJsonSchema", "responseMimeType"} & {
        *body.get("output_config", {}),
        *body.get("generationConfig", {}),
    }


@pytest.mark.parametrize(
    ("name", "fault", "code", "is_temporary"),
    [
        ("anthropic", "unauthorized", "key_refused", False),
        ("anthropic", "no_credit", "quota", False),
        ("anthropic", "rate_limited", "busy", True),
        ("anthropic", "error", "busy", True),
        ("anthropic", "refuse", "unreachable", True),
        ("anthropic", "garbage", "unreadable", True),
        ("google", "unauthorized", "key_refused", False),
        ("google", "no_credit", "quota", False),
        ("google", "rate_limited", "busy", True),
        ("google", "error", "busy", True),
        ("google", "cut", "unreachable", True),
        ("google", "garbage", "unreadable", True),
    ],
)
async def test_why_there_is_no_reply_is_told(name: str, fault: FaultKind, code: str, is_temporary: bool) -> None:
    vendor = MODELS[name][0]()
    vendor.state.faults.queue("llm", Fault(fault))
    with pytest.raises(ChatFailed) as raised:
        await ask(name, vendor)
    assert (raised.value.code, raised.value.is_temporary) == (code, is_temporary)


@pytest.mark.parametrize(
    ("vendor", "name", "code"),
    [
        (AnthropicVendor(reply=lambda body: ChatReply("", finish="refusal")), "anthropic", "declined"),
        (AnthropicVendor(reply=lambda body: ChatReply("{", finish="max_tokens")), "anthropic", "too_long"),
        (AnthropicVendor(models=frozenset()), "anthropic", "model_unavailable"),
        (GeminiVendor(reply=lambda body: ChatReply("", finish="SAFETY")), "google", "declined"),
        (GeminiVendor(reply=lambda body: ChatReply("", refusal="SAFETY")), "google", "declined"),
        (GeminiVendor(reply=lambda body: ChatReply("{", finish="MAX_TOKENS")), "google", "too_long"),
        (GeminiVendor(models=frozenset()), "google", "model_unavailable"),
    ],
)
async def test_a_reply_that_was_withheld_ends_the_chain_and_is_paid_for(vendor: Vendor, name: str, code: str) -> None:
    with pytest.raises(ChatFailed) as raised:
        await ask(name, vendor)
    assert raised.value.code == code
    assert raised.value.usage.prompt == vendor.state.total("llm", "prompt_tokens")


async def test_sampling_parameters_are_not_sent_to_claude() -> None:
    vendor, sampling = AnthropicVendor(reply=lambda body: ChatReply(REPLY)), {"temperature": 0.2, "extra": {"top_p": 1}}
    assert (await ask("anthropic", vendor, **sampling)).text == REPLY
    async with running_vendor(vendor.routes(), None) as origin:
        assert await probe(keyed("anthropic", origin, vendor.state.key, **sampling), 5.0) > 0
    assert vendor.state.opened["llm"] == 2


@pytest.mark.parametrize("name", ["anthropic", "google"])
async def test_a_key_is_checked_by_one_word(name: str) -> None:
    vendor = MODELS[name][0](models=frozenset({MODELS[name][1]}))
    checker = KeyChecker(EgressGuard(), 5.0)
    async with running_vendor(vendor.routes(), None) as origin:
        await checker.check(KeyCheck(keyed(name, origin, vendor.state.key)))
        with pytest.raises(Invalid) as wrong_key:
            await checker.check(KeyCheck(keyed(name, origin, "wrong-key-1234")))
        with pytest.raises(Invalid) as wrong_model:
            await checker.check(KeyCheck(keyed(name, origin, vendor.state.key, model="nothing-1")))
    assert (wrong_key.value.code, wrong_key.value.param) == ("key_refused", "api_key")
    assert "wrong-key" not in str(wrong_key.value)
    assert (wrong_model.value.code, wrong_model.value.param) == ("provider_refused", "config.llm.model")
