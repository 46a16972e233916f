"""Whether an agent can really answer a call: everything that stands in the way, at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from control.agents.config import AgentConfig
from control.agents.facts import missing
from control.agents.model import Content, Number, Version
from control.agents.plan import chain, to_plan, wanted
from control.agents.providers import KINDS, Kind, Offers
from control.agents.transfers import PARAM, Reach, fault_of
from shared.errors import Conflict
from shared.plan import PlanError


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stands in the way. param: the field at fault."""

    param: str
    message: str


def reasons(version: Version, number: Number | None, offers: Offers, reach: Reach) -> list[Reason]:
    """What of the agent itself stands in the way; the workspace is not looked at, but for where its calls may go."""
    found = list(_content_reasons(version, offers, reach))
    if number is None:
        found.append(Reason("phone_number_id", "it has no phone number"))
    elif number.status != "active":
        found.append(Reason("phone_number_id", f"its phone number is {number.status}, not active"))
    return found


def refusal(found: Sequence[Reason]) -> Conflict:
    """The answer that tells all of them."""
    told = "; ".join(f"{reason.param}: {reason.message}" for reason in found)
    return Conflict(f"This agent cannot answer calls: {told}.", code="cannot_answer", param=found[0].param)


def _content_reasons(version: Version, offers: Offers, reach: Reach) -> Iterator[Reason]:
    try:
        config = AgentConfig.model_validate(version.content.config)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            yield Reason(".".join(("config", *map(str, fault["loc"]))), fault["msg"])
        return
    if not (config.prompt.strip() or config.greeting.strip()):
        yield Reason("config.prompt", "it has neither prompt nor greeting")
    for name in missing(config):
        yield Reason(f"config.facts.{name}", "its texts need this fact")
    if refused := fault_of(config.fallback_number, reach):
        yield Reason(PARAM, refused.message)
    silent = [kind for kind in KINDS if not chain(version.content, config, kind, offers)]
    for kind in silent:
        yield Reason(f"config.speech.{kind}", _why(version.content, config, kind, offers))
    if not silent:
        yield from _plan_reasons(version, offers)


def _why(content: Content, config: AgentConfig, kind: Kind, offers: Offers) -> str:
    asked = wanted(content, config, kind, offers)
    if not asked:
        return "no provider is in service by default"
    return "none can serve: " + ", ".join(dict.fromkeys(offers.fault(choice.provider, kind) for choice in asked))


def _plan_reasons(version: Version, offers: Offers) -> Iterator[Reason]:
    try:
        to_plan(version, offers)
    except PlanError as error:
        yield Reason("config", str(error).removeprefix("plan: "))
