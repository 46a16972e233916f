"""Whether an agent can answer a call: finds all reasons against it at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError

from control.agents.config import AgentConfig
from control.agents.facts import missing_facts
from control.agents.language_plan import LANGUAGE_UNSUPPORTED, find_faults
from control.agents.model import AgentContent, AgentNumber, AgentVersion
from control.agents.outside_hours import CallMoment
from control.agents.plan import make_plan
from control.agents.provider_chain import make_chain, wanted_chain
from control.agents.remote_tools import RESERVED_NAMES
from control.agents.tool_names import NAME_RESERVED
from control.agents.transfers import PARAM, DialScope, find_fault
from control.platform.validation_errors import list_faults
from control.voice.offers import KINDS, RULES, Kind, ProviderOffers
from shared.errors import Conflict, ErrorDetail
from shared.plan import PlanError


@dataclass(frozen=True, slots=True)
class ReadinessReason:
    """One reason why an agent cannot answer. param: the field at fault."""

    param: str
    message: str


@dataclass(frozen=True, slots=True)
class AgentWarning:
    """What does not keep an agent from answering, but should be known."""

    code: Annotated[str, Field(description="Stable, for programs.", examples=["rule_based_model"])]
    param: Annotated[str, Field(description="The field that it is about, dotted.", examples=["config.speech.llm"])]
    message: Annotated[
        str,
        Field(description="For people.", examples=["No language model answers: the rule-based receptionist speaks."]),
    ]


def find_reasons(
    version: AgentVersion, number: AgentNumber | None, offers: ProviderOffers, scope: DialScope
) -> list[ReadinessReason]:
    """The reasons in the agent itself. Of the workspace only its dial scope is checked."""
    found = list(_content_reasons(version, offers, scope))
    if number is None:
        found.append(ReadinessReason("phone_number_id", "it has no phone number"))
    elif number.status != "active":
        found.append(ReadinessReason("phone_number_id", f"its phone number is {number.status}, not active"))
    return found


def find_warnings(version: AgentVersion, offers: ProviderOffers) -> list[AgentWarning]:
    """That no language model would answer (code `rule_based_model`), each HTTP tool that calls do not get because the
    platform has one of its name (`tool_name_reserved`), and what has become wrong with the languages since they were
    saved (`language_unsupported`). Nothing for an invalid config."""
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
    """The error that names all of the reasons."""
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
    if refused := find_fault(config.fallback_number, scope):
        yield ReadinessReason(PARAM, refused.message)
    silent = [kind for kind in KINDS if not make_chain(version.content, config, kind, offers)]
    for kind in silent:
        yield ReadinessReason(f"config.speech.{kind}", _why(version.content, config, kind, offers))
    if not silent:
        yield from _plan_reasons(version, offers)


def _why(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> str:
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
