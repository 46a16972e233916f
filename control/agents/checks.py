"""Checks of an agent's config, when it is saved and before the agent answers calls."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from pydantic import Field, TypeAdapter, ValidationError

from control.agents.call_tools.actions import is_lookup, list_argument_faults
from control.agents.config import AgentConfig
from control.agents.config_parts import RESERVED_NAMES, ActionToolConfig, Options
from control.agents.destinations import FALLBACK_PARAM, DialScope, find_transfer_fault
from control.agents.plans.outside_hours import CallMoment
from control.agents.plans.placeholders import missing_facts
from control.agents.plans.rules import (
    LANGUAGE_UNSUPPORTED,
    find_faults,
    make_chain,
    make_plan,
    require_fillable,
    wanted_chain,
)
from control.agents.queries import is_administrator, select_http_tool_names, select_mcp_tool_names
from control.agents.rules import AgentContent, AgentNumber, AgentVersion, Config
from control.audit.service import Actor
from control.db.pool import Connection
from control.integrations.actions.service import list_declared
from control.integrations.bookings.calendar_requests import CALENDAR_TOOLS_ACTIONS
from control.integrations.types.rules import IntegrationTypeConfig
from control.knowledge.service import KnowledgeDocuments
from control.validation import list_faults, make_invalid
from control.voice.routing.rules import KINDS, RULES, Kind, ProviderOffer, ProviderOffers
from shared.errors import Conflict, ErrorDetail, Forbidden, Invalid
from shared.plan import PlanError
from vendors.registry import VENDORS, find_option_faults, takes_ipa

MOST_BYTES: Final = 262_144  # Maximum size of a config as JSON.
PROVIDER_UNKNOWN: Final = "provider_unknown"
_OPTIONS: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(Options)


def parse_config(raw: Mapping[str, Any], at: str = "config") -> AgentConfig:
    """Parse a config. Raises Invalid, whose `param` names the first invalid field below `at`."""
    try:
        config = AgentConfig.model_validate(dict(raw))
    except ValidationError as error:
        raise make_invalid(list_faults(error, at)) from None
    _require_short(config.model_dump(), at)
    require_fillable(config, at)
    return config


def parse_options(raw: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Parse the options of a voice provider. Raises Invalid like `parse_config`."""
    try:
        options = _OPTIONS.validate_python(dict(raw), strict=True)
    except ValidationError as error:
        raise make_invalid(list_faults(error, at)) from None
    _require_short(options, at)
    return options


def require_known(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """Require that every provider is in the catalog, with options that an agent may set. Raises Invalid.

    An agent must not set an address: the platform's own key would be sent to an address of the customer's choice.
    """
    found = [
        ErrorDetail(param, PROVIDER_UNKNOWN, fault) for fault, param in _unknown_choices(content, config, offers, at)
    ]
    if found:
        raise make_invalid(found, PROVIDER_UNKNOWN)


def _unknown_choices(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str
) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for index, choice in enumerate(getattr(config.speech, kind)):
            yield from _choice_faults(offers, choice.provider, kind, choice.options, f"{at}.speech.{kind}.{index}")
    for provider, options in config.voices.items():
        yield from _choice_faults(offers, provider, "tts", options, f"{at}.voices.{provider}", name="")
    for place, language in enumerate(config.additional_languages):
        for provider, options in language.voices.items():
            below = f"{at}.additional_languages.{place}.voices.{provider}"
            yield from _choice_faults(offers, provider, "tts", options, below, name="")
    if content.voice_provider is not None:
        yield from _choice_faults(offers, content.voice_provider, "tts", {}, "voice_provider", name="")
        yield from _choice_faults(offers, content.voice_provider, "tts", content.voice_config, "voice_config", name="")
    elif content.voice_config:
        yield "options of no voice: name a voice_provider", "voice_config"


def _choice_faults(
    offers: ProviderOffers, provider: str, kind: Kind, options: Mapping[str, Any], at: str, name: str = ".provider"
) -> Iterator[tuple[str, str]]:
    offer = offers.get(provider)
    if offer is None or kind not in offer.kinds:
        yield f"there is no {kind} provider {provider!r}", at + name
        return
    may = offer.options.get(kind, ())
    below = f"{at}.options" if name else at
    known: dict[str, Any] = {}
    for option, value in options.items():
        if option not in may:
            yield (
                f"{provider} does not support this option; an agent may set {', '.join(may) or 'none'}",
                f"{below}.{option}",
            )
        elif option == "model" and not _has_model(offer, kind, value):
            yield f"{provider} has no {kind} model of this name", f"{below}.{option}"
        else:
            known[option] = value
    for fault in find_option_faults(offer.vendor, kind, known):
        yield f"{provider} cannot use this value: {fault.reason}", f"{below}.{fault.option}"


def _has_model(offer: ProviderOffer, kind: Kind, model: object) -> bool:
    """Return whether the provider can use this model. Media would refuse the whole call for any other model."""
    facts = VENDORS.get(offer.vendor)
    return facts is None or (isinstance(model, str) and facts.has_model(kind, model))


def _require_short(value: Mapping[str, Any], at: str) -> None:
    """Require that a value is short. Raises Invalid.

    Every version stores the whole value, and repeated patches could make it grow without limit.
    """
    if len(msgspec.json.encode(value)) > MOST_BYTES:
        raise Invalid(f"{at} has more than {MOST_BYTES // 1024} KiB.", param=at, code="too_long")


NOT_MEMBER: Final = "recipient_not_member"


def stored_recipients(config: Mapping[str, Any]) -> Sequence[str]:
    """Return the recipients of messages in a stored config."""
    recipients: Sequence[str] = config.get("messages", {}).get("email_to", ())
    return recipients


def require_members(recipients: Sequence[str], allowed: Collection[str]) -> None:
    """Require that the recipients of callers' messages are members with a confirmed address.

    Nobody else has agreed to receive messages, and callers could flood other people. Raises Invalid (code
    recipient_not_member), which names each recipient that is not allowed.
    """
    faults = [
        ErrorDetail(
            f"config.messages.email_to.{index}",
            NOT_MEMBER,
            "is not a confirmed address of a member of this workspace; invite the person first, for example as "
            "a viewer",
        )
        for index, address in enumerate(recipients)
        if address not in allowed
    ]
    if faults:
        raise make_invalid(faults, NOT_MEMBER)


DOCUMENT_UNKNOWN: Final = "document_unknown"


async def require_documents(
    db: Connection, documents: KnowledgeDocuments, workspace_id: UUID, config: AgentConfig, base: AgentContent
) -> None:
    """Require that the documents belong to the workspace.

    Documents that `base` contains are not checked again, because a deleted document must not block other edits. Raises
    Invalid (code document_unknown), which names each unknown document.
    """
    named = config.knowledge.document_ids
    before = set(base.config.get("knowledge", {}).get("document_ids", ()))
    unknown = await documents.find_unknown(
        db, workspace_id, {UUID(document_id) for document_id in named if document_id not in before}
    )
    faults = [
        ErrorDetail(f"config.knowledge.document_ids.{index}", DOCUMENT_UNKNOWN, "is not a document of this workspace")
        for index, document_id in enumerate(named)
        if UUID(document_id) in unknown
    ]
    if faults:
        raise make_invalid(faults, DOCUMENT_UNKNOWN)


TOOL_UNKNOWN: Final = "tool_unknown"
NAME_RESERVED: Final = "tool_name_reserved"


async def require_tools(db: Connection, workspace_id: UUID, config: AgentConfig, before: Config) -> None:
    """Require that the workspace has the tools. Raises Invalid, which names each tool at fault.

    The codes are tool_unknown, and tool_name_reserved if the platform has a tool with the name of an HTTP tool, which
    no call would then offer.

    Args:
        before: The previous config, whose tools are not checked again, because a tool that its server has dropped must
            not block other edits.
    """
    new_http = set(config.http_tools) - set(before.get("http_tools", ()))
    if reserved := [
        _tool_fault(f"config.http_tools.{place}", "the platform has a tool of this name", NAME_RESERVED)
        for place, name in enumerate(config.http_tools)
        if name in new_http & RESERVED_NAMES
    ]:
        raise make_invalid(reserved, NAME_RESERVED)
    known_mcp = {(choice["server"], tool) for choice in before.get("mcp_tools", ()) for tool in choice["tools"]}
    new_mcp = {(choice.server, tool) for choice in config.mcp_tools for tool in choice.tools} - known_mcp
    found: list[ErrorDetail] = []
    if new_http:
        found += _unknown_http(config, new_http - set(await select_http_tool_names(db, workspace_id, sorted(new_http))))
    if new_mcp:
        servers = sorted({server for server, _ in new_mcp})
        found += _unknown_mcp(config, new_mcp - set(await select_mcp_tool_names(db, workspace_id, servers)))
    if found:
        raise make_invalid(found, TOOL_UNKNOWN)


def _unknown_http(config: AgentConfig, names: set[str]) -> list[ErrorDetail]:
    return [
        _tool_fault(f"config.http_tools.{place}", f"the workspace has no HTTP tool {name!r}")
        for place, name in enumerate(config.http_tools)
        if name in names
    ]


def _unknown_mcp(config: AgentConfig, names: set[tuple[str, Any]]) -> list[ErrorDetail]:
    return [
        _tool_fault(
            f"config.mcp_tools.{at}.tools.{place}",
            f"the workspace's MCP server {choice.server!r} does not list this tool",
        )
        for at, choice in enumerate(config.mcp_tools)
        for place, tool in enumerate(choice.tools)
        if (choice.server, tool) in names
    ]


def _tool_fault(param: str, message: str, code: str = TOOL_UNKNOWN) -> ErrorDetail:
    return ErrorDetail(param, code, message)


ACTION_UNKNOWN: Final = "action_unknown"
ARGUMENTS_UNFIT: Final = "action_arguments_unfit"
LOOKUP_REFUSED: Final = "lookup_not_allowed"


async def require_actions(db: Connection, workspace_id: UUID, config: AgentConfig, before: Config) -> None:
    """Require that the actions exist and that the arguments fit them.

    Raises Invalid (codes action_unknown, action_arguments_unfit), which names each fault.

    Args:
        before: The previous config, whose tools are not checked again, because a connection that was removed must not
            block other edits.
    """
    fresh = [(place, tool) for place, tool in enumerate(config.action_tools) if not _has_action(before, tool)]
    if not fresh:
        return
    ids = sorted({UUID(tool.integration_id) for _, tool in fresh})
    types = await list_declared(db, workspace_id, ids)
    found = [fault for place, tool in fresh for fault in _action_faults(types, tool, f"config.action_tools.{place}")]
    if found:
        raise make_invalid(found, found[0].code)


async def require_lookup_right(
    db: Connection, workspace_id: UUID, actor: Actor, config: Config, current: Config
) -> None:
    """Raise Forbidden (code lookup_not_allowed) unless the actor is an owner, an admin or staff.

    Args:
        current: The previous config. An unchanged tool was allowed before.
    """
    known = current.get("action_tools", ())
    fresh = [tool for tool in config.get("action_tools", ()) if tool["allow_free_lookup"] and tool not in known]
    if not fresh or actor.kind != "user":
        return
    if actor.id is None or not await is_administrator(db, workspace_id, actor.id):
        message = f"{fresh[0]['name']}: only owners and admins let a tool look up what a caller asks for."
        raise Forbidden(message, code=LOOKUP_REFUSED, param="config.action_tools")


def _has_action(config: Config, tool: ActionToolConfig) -> bool:
    return tool.model_dump() in config.get("action_tools", ())


def _action_faults(
    types: Mapping[UUID, IntegrationTypeConfig], tool: ActionToolConfig, at: str
) -> Iterator[ErrorDetail]:
    declared = types.get(UUID(tool.integration_id))
    if declared is None:
        yield ErrorDetail(f"{at}.integration_id", ACTION_UNKNOWN, "the workspace does not have this integration")
        return
    action = declared.action(tool.action)
    if action is None:
        known = ", ".join(action.name for action in declared.actions) or "none"
        yield ErrorDetail(f"{at}.action", ACTION_UNKNOWN, f"the integration does not have this action; it has {known}")
        return
    if tool.action in CALENDAR_TOOLS_ACTIONS:
        yield ErrorDetail(f"{at}.action", ACTION_UNKNOWN, "agents use it by the tools of the calendar, in `tools`")
        return
    if tool.allow_free_lookup and not is_lookup(action):
        yield ErrorDetail(f"{at}.allow_free_lookup", ARGUMENTS_UNFIT, f"the action {action.name} looks nothing up")
    for name, fault in list_argument_faults(tool, action):
        yield ErrorDetail(f"{at}.arguments.{name}".rstrip("."), ARGUMENTS_UNFIT, fault)


IPA_UNSUPPORTED: Final = "ipa_unsupported"


def require_sayable(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """Require voices that support IPA if a word's only pronunciation is in IPA.

    Raises Invalid (code ipa_unsupported), which names the fields below `at`.
    """
    found = [
        ErrorDetail(f"{at}.{field}", IPA_UNSUPPORTED, fault)
        for field, fault in _pronunciation_faults(content, config, offers)
    ]
    if found:
        raise make_invalid(found, IPA_UNSUPPORTED)


def _pronunciation_faults(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers
) -> Iterator[tuple[str, str]]:
    unspelled = [place for place, entry in enumerate(config.pronunciations) if not entry.say]
    voices = make_chain(content, config, "tts", offers) if unspelled else []
    deaf = [
        voice["provider"] for voice in voices if not takes_ipa(voice.get("vendor", voice["provider"]), voice["options"])
    ]
    for place in unspelled if deaf else ():
        yield f"pronunciations.{place}.say", f"{', '.join(deaf)} take no IPA: say it in letters, too"


@dataclass(frozen=True, slots=True)
class ReadinessReason:
    """A reason why an agent cannot answer.

    Attributes:
        param: The field at fault.
    """

    param: str
    message: str


@dataclass(frozen=True, slots=True)
class AgentWarning:
    """A warning for the agent's owner that does not prevent the agent from answering."""

    code: Annotated[str, Field(description="Stable code, for programs.", examples=["rule_based_model"])]
    param: Annotated[
        str, Field(description="Dotted path of the field that the warning is about.", examples=["config.speech.llm"])
    ]
    message: Annotated[
        str,
        Field(
            description="Message for people.",
            examples=["No language model answers: the rule-based receptionist speaks."],
        ),
    ]


def find_reasons(
    version: AgentVersion, number: AgentNumber | None, offers: ProviderOffers, scope: DialScope
) -> list[ReadinessReason]:
    """Return the reasons in the agent itself. Of the workspace, only its dial scope is checked."""
    found = list(_content_reasons(version, offers, scope))
    if number is None:
        found.append(ReadinessReason("phone_number_id", "it has no phone number"))
    elif number.status != "active":
        found.append(ReadinessReason("phone_number_id", f"its phone number is {number.status}, not active"))
    return found


def find_warnings(version: AgentVersion, offers: ProviderOffers) -> list[AgentWarning]:
    """Return the warnings about an agent that can answer. Returns none for an invalid config.

    `rule_based_model`: no language model would answer. `tool_name_reserved`: calls do not get an HTTP tool because the
    platform has a tool of its name. `language_unsupported`: a language became unsupported after the config was saved.
    """
    try:
        config = AgentConfig.model_validate(version.content.config)
    except ValidationError:
        return []
    content = version.content
    languages = (
        AgentWarning(LANGUAGE_UNSUPPORTED, f"config.{field}", f"The agent does not follow its callers there: {fault}.")
        for field, fault in find_faults(content, config, offers)
    )
    return [*_model_warnings(content, config, offers), *_name_warnings(config), *languages]


def _name_warnings(config: AgentConfig) -> Iterator[AgentWarning]:
    for place, name in enumerate(config.http_tools):
        if name in RESERVED_NAMES:
            text = (
                f"The HTTP tool {name!r} is not used: the platform has a tool of this name. Make it under another one."
            )
            yield AgentWarning(NAME_RESERVED, f"config.http_tools.{place}", text)


def _model_warnings(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> list[AgentWarning]:
    chain = make_chain(content, config, "llm", offers)
    first = offers.get(chain[0]["provider"]) if chain else None
    if first is None or first.vendor != RULES:
        return []
    text = "No language model answers: the rule-based receptionist speaks, which knows only the facts in the prompt."
    return [AgentWarning("rule_based_model", "config.speech.llm", text)]


def make_refusal(found: Sequence[ReadinessReason]) -> Conflict:
    """Return the error that lists all reasons."""
    text = "; ".join(f"{reason.param}: {reason.message}" for reason in found)
    errors = [ErrorDetail(reason.param, "cannot_answer", reason.message) for reason in found]
    return Conflict(
        f"This agent cannot answer calls: {text}.", code="cannot_answer", param=found[0].param, errors=errors
    )


def _content_reasons(version: AgentVersion, offers: ProviderOffers, scope: DialScope) -> Iterator[ReadinessReason]:
    try:
        config = AgentConfig.model_validate(version.content.config)
    except ValidationError as error:
        for fault in list_faults(error, "config"):
            yield ReadinessReason(fault.param or "config", fault.message)
        return
    if not (config.prompt.strip() or config.greeting.strip()):
        yield ReadinessReason("config.prompt", "it has neither prompt nor greeting")
    for name in missing_facts(config):
        yield ReadinessReason(f"config.facts.{name}", "its texts need this fact, or a variable of this name")
    if refused := find_transfer_fault(config.fallback_number, scope):
        yield ReadinessReason(FALLBACK_PARAM, refused.message)
    silent = [kind for kind in KINDS if not make_chain(version.content, config, kind, offers)]
    for kind in silent:
        yield ReadinessReason(f"config.speech.{kind}", _explain_chain(version.content, config, kind, offers))
    if not silent:
        yield from _plan_reasons(version, offers)


def _explain_chain(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> str:
    asked = wanted_chain(content, config, kind, offers)
    if not asked:
        return "no provider is in service by default"
    return "none can serve: " + ", ".join(dict.fromkeys(offers.find_fault(choice.provider, kind) for choice in asked))


def _plan_reasons(version: AgentVersion, offers: ProviderOffers) -> Iterator[ReadinessReason]:
    try:
        make_plan(version, offers)
        make_plan(version, offers, moment=CallMoment(version.created_at, "UTC", "outside"))
    except PlanError as error:
        yield ReadinessReason("config", str(error).removeprefix("plan: "))
