"""Where an agent may transfer callers to: the rules of outbound calls hold, and no number of ours. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from control.agents.destinations import country_of, parse_target, require_allowed
from control.agents.model import Config
from control.workspaces.model import outbound_countries
from shared.errors import Invalid

FALLBACK: Final = "fallback_number"
PARAM: Final = f"config.{FALLBACK}"


@dataclass(frozen=True, slots=True)
class DialScope:
    """Where a workspace's calls may go. own: countries of its numbers, without dangerous ones. chosen: those set for
    it, or none. is_ours: the number in question belongs to a workspace here, as far as the transaction's scope sees.
    trial_numbers: the only ones that a workspace on trial calls; None for others, and while the staff let trials call
    any."""

    own: Collection[str]
    chosen: Sequence[str]
    is_ours: bool
    trial_numbers: Collection[str] | None = None


def make_dial_scope(row: Any, dangerous: Collection[str]) -> DialScope:
    """From a row with settings, homes (each number's country, or the number where none is stored), is_ours and
    trial_numbers. dangerous: countries that are called only where the staff chose them: whoever wants to be paid for
    calls to their accomplices can buy a number next to them."""
    own = {country_of(home) or "" if home.startswith("+") else home for home in row["homes"]}
    own.difference_update(dangerous)
    return DialScope(own, outbound_countries(row["settings"]), bool(row["is_ours"]), row["trial_numbers"])


def require_not_ours(scope: DialScope, param: str = PARAM) -> None:
    """Refuses our own numbers: two agents could transfer a caller to each other endlessly. Raises Invalid (code
    number_is_own)."""
    if scope.is_ours:
        raise Invalid("This is one of the numbers that agents answer here.", code="number_is_own", param=param)


def require_verified(number: str, country: str, scope: DialScope, param: str = PARAM) -> None:
    """A trial pays nothing, so its calls reach the phones of its members only, and those in the country of the number
    that it calls from: neither strangers nor foreign networks can be made to ring for free. Raises Invalid (codes
    number_unverified, country_not_allowed)."""
    if scope.trial_numbers is None:
        return
    if country not in scope.own:
        text = "On trial, a workspace calls only phones in the country of its own number."
        raise Invalid(text, code="country_not_allowed", param=param)
    if number not in scope.trial_numbers:
        text = "On trial, a workspace calls only phone numbers that its members have verified."
        raise Invalid(text, code="number_unverified", param=param)


def require_sip_allowed(scope: DialScope, param: str = PARAM) -> None:
    """Refuses SIP addresses on trial, when calls reach only phones of members.

    Raises:
        Invalid: With code number_unverified.
    """
    if scope.trial_numbers is not None:
        text = "On trial, a workspace transfers to no SIP address."
        raise Invalid(text, code="number_unverified", param=param)


def find_fault(text: str, scope: DialScope, param: str = PARAM) -> Invalid | None:
    """Why callers are not transferred to this target; None for one that is allowed, or empty."""
    if not text:
        return None
    try:
        target = parse_target(text, param)
        if target.sip:
            require_sip_allowed(scope, param)
            return None
        require_allowed(target.country, scope.own, scope.chosen, param)
        require_not_ours(scope, param)
        require_verified(target.number, target.country, scope, param)
    except Invalid as fault:
        return fault
    return None


def stored_fallback(config: Config) -> str:
    """The fallback number as stored; empty if it is no text, which an older schema may have allowed."""
    number = config.get(FALLBACK)
    return number if isinstance(number, str) else ""


def remove_refused_fallback(config: Config, scope: DialScope) -> Config:
    """The config without a fallback number that is not allowed (any more): the agent takes a message instead."""
    return config if find_fault(stored_fallback(config), scope) is None else {**config, FALLBACK: ""}
