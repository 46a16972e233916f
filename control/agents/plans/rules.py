"""Creates a call's plan from an agent's version: texts, tools, languages, and chains of providers. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from control.agents.call_tools.table import REMOTE_TOOLS
from control.agents.config import AgentConfig, Choice
from control.agents.config_parts import (
    FIELD,
    RESERVED_NAMES,
    AdditionalLanguage,
    PronunciationEntry,
    name_goodbye,
)
from control.agents.plans.outside_hours import LONGEST_ADDITION, CallMoment, adapt_config
from control.agents.plans.placeholders import announces, fill_placeholders, filled_length, find_texts, make_values
from control.agents.rules import AgentContent, AgentVersion
from control.agents.variables import BUILT_IN, LONGEST_BUILT_IN, PlannedCall
from control.carriers.rules import CarrierName
from control.tools.rules import EXPLANATION
from control.validation import make_invalid
from control.voice.routing.rules import KINDS, VENDOR, Kind, ProviderOffers
from shared.errors import ErrorDetail, Invalid
from shared.language_codes import base_language
from shared.plan import (
    LONGEST_ANNOUNCEMENT,
    LONGEST_CHAIN,
    LONGEST_GOODBYE,
    LONGEST_GREETING,
    LONGEST_KEYS,
    LONGEST_KEYTERM,
    LONGEST_PROMPT,
    LONGEST_VOICEMAIL,
    MOST_PRONUNCIATIONS,
    SEND_DIGITS,
    SEND_TONES,
    WARM_TRANSFER,
    CallPlan,
    ConsentPlan,
    ContextPlan,
    PlanError,
    ToolName,
    ToolPlan,
    decode_plan,
)
from vendors.registry import VENDORS, hear_languages, speaks

# The call of a plan that is created only to check whether a plan can be created. The values in its texts do not matter.
ANY_CALL: Final = PlannedCall(at=datetime(2000, 1, 1, tzinfo=UTC))
# Values of the contact that recognizers expect, after the agent's own keyterms.
_CONTACT_NAMES: Final = ("contact_name", "contact_company")
LANGUAGE_UNSUPPORTED: Final = "language_unsupported"
NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})
_SPEECH_FIELDS: Final = ("language", "additional_languages", "speech", "voices", "pronunciations")

# Texts

# Spoken instead of the greeting, or before the call is ended.
CLOSING_TEXT: Final = "outside_hours.text"
LONGEST_TEXTS: Final[Mapping[str, int]] = {
    "greeting": LONGEST_GREETING,
    "prompt": LONGEST_PROMPT,
    "goodbye": LONGEST_GOODBYE,
    "voicemail_message": LONGEST_VOICEMAIL,
    "screening_message": LONGEST_VOICEMAIL,
    "disclosure": LONGEST_ANNOUNCEMENT,
    "recording.announcement": LONGEST_ANNOUNCEMENT,
}

# Tools

LONGEST_BRIEF: Final = 1_000
# Covers ringing (30 s), the brief of up to a minute, and the target's decision.
WARM_TRANSFER_TIMEOUT_S: Final = 110.0
WARM_TRANSFER_PLAN: Final = ToolPlan(
    WARM_TRANSFER,
    "Put the caller through to a person, who is called, hears your brief and decides. Say to the caller that you are "
    "calling a colleague. If the person does not take the call, the caller stays with you.",
    {
        "type": "object",
        "properties": {
            "brief": {
                "type": "string",
                "maxLength": LONGEST_BRIEF,
                "description": "What the person has to know: who the caller is and what it is about, in two sentences.",
            }
        },
        "required": ["brief"],
    },
    timeout_s=WARM_TRANSFER_TIMEOUT_S,
    repeatable=True,
    remote=True,
)


# Shorter than the minute in which Telnyx ignores a repeated command.
SENT_DIGITS_TIMEOUT_S: Final = 10.0
# Telnyx plays tones on a media stream through a command that only control can send. Nodes of this release use their own
# description and parameters; nodes of the previous release run it like any tool that control runs.
_DIGITS_BY_CARRIER: Final = ToolPlan(
    SEND_DIGITS,
    "Press keys on the phone's keypad, for the menu of an automatic phone system at the other end of this call.",
    {
        "type": "object",
        "properties": {"digits": {"type": "string", "maxLength": LONGEST_KEYS, "description": "Keys 0-9 * # A-D."}},
        "required": ["digits"],
    },
    timeout_s=SENT_DIGITS_TIMEOUT_S,
    filler="",
    repeatable=True,
    remote=True,
)
# Twilio has no command for tones on a stream, so media puts them into the agent's audio. Only nodes of the previous
# release show this description to the model.
_DIGITS_BY_MEDIA: Final = ToolPlan(SEND_TONES, "Never use this: it does not work in this call.", filler="", remote=True)


class TextTooLong(PlanError):
    """A text would be too long with its placeholders filled. The message names every such text."""


def make_plan(
    version: AgentVersion,
    offers: ProviderOffers,
    call: PlannedCall = ANY_CALL,
    moment: CallMoment | None = None,
    tools: Sequence[ToolPlan] = (),
) -> CallPlan:
    """Return the plan of a call that this version answers. It contains no keys: AnsweringAgent.make_plan adds them.

    Providers that cannot currently serve are left out of the chains. Raises PlanError that names every invalid field: a
    chain without a provider, or a text that its placeholders would make too long.

    Args:
        moment: When the call began, for the opening hours; None to leave the hours out.
        tools: Tools of the workspace that the agent may use.
    """
    content = version.content
    config = AgentConfig.model_validate(content.config)
    if moment is not None:
        config = adapt_config(config, moment)
    texts = fill_texts(config, make_values(config, call, content.name))
    message = texts["voicemail_message"] if call.direction == "outbound" and call.leaves_message else ""
    chains = {kind: make_chain(content, config, kind, offers) for kind in KINDS}
    empty = [kind for kind, choices in chains.items() if not choices]
    if empty:
        raise PlanError(f"plan: {'; '.join(f'{kind}: no provider can serve' for kind in empty)}")
    return decode_plan(
        msgspec.json.encode(
            {
                "agent": _agent(content.name, config, _explain_tools(texts, config)),
                **chains,
                "turn": _turn(config),
                "limits": config.limits.model_dump(),
                "tools": [*plan_tools(config), *(tool for tool in tools if tool.name not in RESERVED_NAMES)],
                "recording": config.recording.enabled,
                "call_id": call.id,
                "workspace_id": str(version.workspace_id),
                "agent_id": str(version.agent_id),
                "context": ContextPlan(call.timezone, call.direction),
                "first_message": config.first_message,
                "greeting_interruptible": config.greeting_interruptible,
                "disclosure": texts["disclosure"],
                "consent": _consent(config, texts["recording.announcement"]),
                **({"voicemail_message": message} if message else {}),
                **_screening(config, texts["screening_message"], call),
                **plan_speech(config.pronunciations, config.keyterms, call.contact),
                **plan_languages(content, config, offers, texts),
            }
        )
    )


def _screening(config: AgentConfig, message: str, call: PlannedCall) -> dict[str, str]:
    """Return the plan's fields of call screening.

    Defaults are left out, because nodes of the previous release refuse them.
    """
    if call.direction != "outbound":
        return {}
    if (call.call_screening or config.call_screening) == "end":
        return {"screening": "end"}
    return {"screening_message": message} if message else {}


def _turn(config: AgentConfig) -> dict[str, Any]:
    """Return the plan's turn-taking.

    Nodes of the previous release accept only true and false for `barge_in`, and refuse `speculate` and `patience`.
    """
    turn = config.turn.model_dump()
    if turn["speculate"]:
        del turn["speculate"]
    if turn["patience"] == "normal":
        del turn["patience"]
    return {**turn, "barge_in": {"off": False, "polite": True}.get(turn["barge_in"], turn["barge_in"])}


def _agent(name: str, config: AgentConfig, texts: Mapping[str, str]) -> dict[str, str]:
    return {
        "name": name,
        "language": config.language,
        "fallback_number": config.fallback_number,
        **{part: texts[part] for part in ("greeting", "prompt", "goodbye")},
    }


def _explain_tools(texts: Mapping[str, str], config: AgentConfig) -> Mapping[str, str]:
    """Return the prompt, with a warning about results from outside for agents that have tools with such results."""
    if not (config.http_tools or config.mcp_tools or config.action_tools):
        return texts
    return {**texts, "prompt": f"{texts['prompt']}\n\n{EXPLANATION}".strip()}


def _consent(config: AgentConfig, announcement: str) -> ConsentPlan | None:
    if not announces(config):
        return None
    return ConsentPlan(announcement, tuple(config.recording.refusal_words), config.recording.refusal_key)


def fill_texts(config: AgentConfig, values: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's texts with their placeholders filled, by the names in LONGEST_TEXTS and `name_goodbye`.

    Lengths are computed before the texts are filled, because a long fact that is mentioned often could turn a short
    prompt into gigabytes. Raises TextTooLong.
    """
    too_long = find_too_long(config, {name: len(value) for name, value in values.items()})
    if too_long:
        raise TextTooLong(f"plan: {'; '.join(f'agent.{_fault(name)}' for name in too_long)}")
    return {name: fill_placeholders(text, values) for name, text in _texts(config).items()}


def find_too_long(config: AgentConfig, lengths: Mapping[str, int]) -> list[str]:
    """Return the texts that are too long after their placeholders are filled.

    Args:
        lengths: Lengths of the values, in characters.
    """
    return [name for name, text in _texts(config).items() if filled_length(text, lengths) > _longest(name)]


def require_fillable(config: AgentConfig, at: str) -> None:
    """Refuse a config whose texts would be too long in a call without its own variables.

    Raises Invalid (code too_long).

    Args:
        at: Path of the config's field.
    """
    lengths = dict.fromkeys(BUILT_IN, LONGEST_BUILT_IN) | {name: len(fact) for name, fact in config.facts.items()}
    lengths |= {name: len(variable.default) for name, variable in config.variables.items() if variable.default.strip()}
    for name in (*find_too_long(config, lengths), *_find_too_long_by_hours(config, lengths)):
        raise Invalid(f"{at}.{_fault(name)}", param=f"{at}.{name}", code="too_long")


def _find_too_long_by_hours(config: AgentConfig, lengths: Mapping[str, int]) -> Iterator[str]:
    """Yield texts that opening hours make too long: the text that replaces the greeting, and the prompt with all
    additions.
    """
    if config.hours is None:
        return
    outside = config.outside_hours
    if filled_length(outside.text, lengths) > LONGEST_GREETING:
        yield CLOSING_TEXT
    if filled_length(f"{config.prompt}{outside.instructions}", lengths) + LONGEST_ADDITION > LONGEST_PROMPT:
        yield "prompt"


def _texts(config: AgentConfig) -> dict[str, str]:
    """Return the texts of the plan. `adapt_config` has already inserted the texts of opening hours."""
    return {name: text for name, text in find_texts(config).items() if not name.startswith("outside_hours.")}


def _longest(name: str) -> int:
    """Return the maximum number of characters of a text."""
    is_goodbye = name.startswith(FIELD)
    return LONGEST_GOODBYE if is_goodbye else LONGEST_TEXTS.get(name, LONGEST_GREETING)


def _fault(name: str) -> str:
    most = _longest(name)
    return f"{name}: more than {most:,} characters with its placeholders filled and what goes before or behind it"


def plan_tools(config: AgentConfig) -> list[str | ToolPlan]:
    """Return the tools in the form of a plan: built-in tools by name, tools that control runs in full."""
    remote = {name: tool.plan for name, tool in REMOTE_TOOLS.items()}
    if config.transfer_mode == "warm":
        remote[WARM_TRANSFER] = WARM_TRANSFER_PLAN
    planned: dict[str, str | ToolPlan] = {
        **remote,
        SEND_DIGITS: plan_sent_digits(is_recorded=config.record_sent_digits),
    }
    return [planned.get(name, name) for name in config.tools]


def plan_sent_digits(*, is_recorded: bool) -> str | ToolPlan:
    """Return the tool for sending digits before the call's carrier is known.

    Args:
        is_recorded: Whether events contain the keys.
    """
    return SEND_DIGITS if is_recorded else ToolPlan(SEND_DIGITS, secret=True)


def adapt_tools(tools: tuple[ToolName | ToolPlan, ...], carrier: CarrierName) -> tuple[ToolName | ToolPlan, ...]:
    """Return the tools of a call at this carrier, in a plan that nodes of the previous release can read, too."""
    kind = _DIGITS_BY_CARRIER if carrier == "telnyx" else _DIGITS_BY_MEDIA
    return tuple(_adapt_tool(tool, kind) for tool in tools)


def _adapt_tool(tool: ToolName | ToolPlan, kind: ToolPlan) -> ToolName | ToolPlan:
    if tool == SEND_DIGITS:
        return kind
    if isinstance(tool, ToolPlan) and tool.name == SEND_DIGITS:
        return msgspec.structs.replace(kind, secret=tool.secret)
    return tool


def plan_speech(
    pronunciations: Sequence[PronunciationEntry], keyterms: Sequence[str], contact: Mapping[str, str]
) -> dict[str, Any]:
    """Return the plan's field `speech`. An empty field is left out, because nodes of the previous release refuse it.

    Args:
        contact: Placeholder values of the contact that has the customer's number.
    """
    names = (contact.get(name, "").strip() for name in _CONTACT_NAMES)
    expected = [*keyterms, *(name for name in names if 0 < len(name) <= LONGEST_KEYTERM)] if keyterms else []
    speech = {
        "pronunciations": [entry.model_dump() for entry in pronunciations[:MOST_PRONUNCIATIONS]],
        "keyterms": list(dict.fromkeys(expected)),
    }
    filled = {name: value for name, value in speech.items() if value}
    return {"speech": filled} if filled else {}


def plan_languages(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers, texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the plan's field `languages`.

    It is left out without languages, because nodes of the previous release refuse it.

    A language that no voice can currently speak is left out: the call stays in the other languages.

    Args:
        texts: Filled texts by the names of `name_goodbye`.
    """
    main = make_chain(content, config, "tts", offers)
    planned = []
    for place, language in enumerate(config.additional_languages):
        chain = make_voice_chain(content, config, language, offers)
        own = [] if chain == main else chain
        if chain:
            planned.append({"language": language.language, "goodbye": texts[name_goodbye(place)], "tts": own})
    return {"languages": planned} if planned else {}


def make_voice_chain(
    content: AgentContent, config: AgentConfig, wanted: AdditionalLanguage, offers: ProviderOffers
) -> list[dict[str, Any]]:
    """Return the voices that can speak a language.

    The voices configured for the language come first, in the order of the agent's chain, followed by the other voices
    of the chain.
    """
    chain = wanted_chain(content, config, "tts", offers)
    known = {choice.provider for choice in chain}
    added = [Choice(provider=name) for name in wanted.voices if name not in known]
    named = [choice for choice in chain if choice.provider in wanted.voices]
    others = [choice for choice in chain if choice.provider not in wanted.voices]
    made = (
        make_provider(content, config, "tts", choice, offers, own=wanted.voices.get(choice.provider, {}))
        for choice in (*named, *added, *others)
    )
    return [
        provider_plan for provider_plan in made if provider_plan is not None and _speaks(provider_plan, wanted.language)
    ][:LONGEST_CHAIN]


def require_spoken(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """Require that the recognizer distinguishes the languages, and that a voice speaks each language.

    Raises Invalid (code language_unsupported), which names the fields below `at`.
    """
    found = [
        ErrorDetail(f"{at}.{field}", LANGUAGE_UNSUPPORTED, fault)
        for field, fault in find_faults(content, config, offers)
    ]
    if found:
        raise make_invalid(found, LANGUAGE_UNSUPPORTED)


def find_faults(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> Iterator[tuple[str, str]]:
    """Yield each field of the config with its fault, given the providers that can currently serve."""
    if not config.additional_languages:
        return
    yield from _repeated(config)
    yield from _unheard(content, config, offers)
    for place, language in enumerate(config.additional_languages):
        yield from _unspoken(content, config, offers, place, language)


def _repeated(config: AgentConfig) -> Iterator[tuple[str, str]]:
    """Yield languages that occur twice. A recognizer reports a language without its region."""
    known = [base_language(config.language)]
    for place, language in enumerate(config.additional_languages):
        if base_language(language.language) in known:
            yield f"{FIELD}.{place}.language", ("the agent has this language already; regions are not distinguished")
        known.append(base_language(language.language))


def _unheard(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> Iterator[tuple[str, str]]:
    chain = make_chain(content, config, "stt", offers)
    tags = [config.language, *(language.language for language in config.additional_languages)]
    if chain and not _hears(chain[0], tags):
        first = chain[0]["provider"]
        fault = f"{first} hears speech first, and does not tell {', '.join(tags)} apart: name another in speech.stt"
        yield FIELD, fault


def _unspoken(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers, place: int, wanted: AdditionalLanguage
) -> Iterator[tuple[str, str]]:
    chain = make_voice_chain(content, config, wanted, offers)
    speaking = {provider_plan["provider"] for provider_plan in chain}
    silent = [name for name in wanted.voices if name not in speaking and not offers.find_fault(name, "tts")]
    for name in silent:
        yield f"{FIELD}.{place}.voices.{name}", f"{name} does not speak {wanted.language} with these options"
    if not chain and not silent and make_chain(content, config, "tts", offers):
        yield f"{FIELD}.{place}.language", f"no voice of the agent speaks {wanted.language}: name one in voices"


def _hears(provider: Mapping[str, Any], tags: Sequence[str]) -> bool:
    vendor = _vendor(provider)
    facts = VENDORS.get(vendor)
    kind = None if facts is None else facts.schemas.get("stt")
    try:
        options = msgspec.convert(provider["options"], kind) if kind else None
    except msgspec.ValidationError:  # The options belong to another version. Media leaves the provider out.
        return False
    return options is not None and hear_languages(vendor, options, tags) is not None


def _speaks(provider: Mapping[str, Any], language: str) -> bool:
    return speaks(_vendor(provider), provider["options"], language)


def _vendor(provider: Mapping[str, Any]) -> str:
    return str(provider.get("vendor", provider["provider"]))


def make_chain(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> list[dict[str, Any]]:
    """Return up to eight usable providers, first choice first.

    These are the agent's providers followed by the platform's fallback chain, or else the defaults. Options are merged
    in this order, later options winning: the platform's, the workspace's, for voices the agent's `voices` and (for its
    voice_provider) voice_config, and the choice's own.
    """
    wanted = wanted_chain(content, config, kind, offers)
    made = (make_provider(content, config, kind, choice, offers) for choice in wanted)
    return [provider_plan for provider_plan in made if provider_plan is not None][:LONGEST_CHAIN]


def make_provider(
    content: AgentContent,
    config: AgentConfig,
    kind: Kind,
    choice: Choice,
    offers: ProviderOffers,
    *,
    own: Mapping[str, Any] = NO_OPTIONS,
) -> dict[str, Any] | None:
    """Return a provider of a chain, or None if it cannot currently serve.

    Args:
        own: Options that override all others.
    """
    offer = offers.get(choice.provider)
    if offer is None or offers.find_fault(choice.provider, kind):
        return None
    voice = _voice_of(content, config, choice.provider) if kind == "tts" else {}
    # Left out if it is the provider's own name, because nodes of the previous release refuse an unknown field.
    vendor = {} if offer.vendor == choice.provider else {VENDOR: offer.vendor}
    options = {**offer.defaults(kind), **voice, **choice.options, **own}
    # Left out because nodes of the previous release refuse an unknown field.
    guarded = {"guarded": True} if offer.is_guarded(kind) else {}
    own_key = {} if offer.uses_platform_key else {"own_key": True}
    return {"provider": choice.provider, "options": options, **vendor, **guarded, **own_key}


def wanted_chain(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> Sequence[Choice]:
    """Return the chain that the agent requests, usable or not. The agent's voice_provider is the first voice."""
    named: list[Choice] = getattr(config.speech, kind)
    names = {choice.provider for choice in named}
    others = offers.fallbacks(kind) if named else offers.defaults(kind)
    choices = [*named, *(Choice(provider=name) for name in others if name not in names)]
    if kind != "tts" or content.voice_provider is None:
        return choices
    mine = [choice for choice in choices if choice.provider == content.voice_provider]
    rest = [choice for choice in choices if choice.provider != content.voice_provider]
    return [*(mine or [Choice(provider=content.voice_provider)]), *rest]


def _voice_of(content: AgentContent, config: AgentConfig, provider: str) -> Mapping[str, Any]:
    own = content.voice_config if provider == content.voice_provider else {}
    return {**config.voices.get(provider, {}), **own}


def speech_settings(content: AgentContent) -> tuple[Any, ...]:
    """Return all settings of an agent's languages, recognizers and voices, for comparison."""
    return (*map(content.config.get, _SPEECH_FIELDS), content.voice_provider, content.voice_config)
