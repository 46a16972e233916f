"""Whom an agent may put callers through to: the rules of calls that are placed, and no number of our own. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from control.agents.destinations import country_of, destination, require_allowed
from control.agents.model import Config
from control.workspaces.model import outbound_countries
from shared.errors import Invalid

FALLBACK: Final = "fallback_number"
PARAM: Final = f"config.{FALLBACK}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a workspace's calls may go. own: the countries of its numbers; chosen: those set for it, empty without.
    is_ours: the number that was asked about belongs to a workspace here, as far as the asking scope sees."""

    own: Collection[str]
    chosen: Sequence[str]
    is_ours: bool


def reach_of(row: Any) -> Reach:
    """Of a row with settings, homes (of each number its country, or itself where none is noted) and is_ours."""
    own = {country_of(home) or "" if home.startswith("+") else home for home in row["homes"]}
    return Reach(own, outbound_countries(row["settings"]), bool(row["is_ours"]))


def require_not_ours(reach: Reach, param: str = PARAM) -> None:
    """Two agents could hand a caller to each other without end. Raises Invalid (code number_is_own)."""
    if reach.is_ours:
        raise Invalid("This is one of the numbers that agents answer here.", code="number_is_own", param=param)


def fault_of(number: str, reach: Reach, param: str = PARAM) -> Invalid | None:
    """Why nobody is put through to this number; None for one that is allowed, or empty."""
    if not number:
        return None
    try:
        require_allowed(destination(number, param)[1], reach.own, reach.chosen, param)
        require_not_ours(reach, param)
    except Invalid as fault:
        return fault
    return None


def fallback_of(config: Config) -> str:
    """As it is stored, which an older schema may have allowed."""
    number = config.get(FALLBACK)
    return number if isinstance(number, str) else ""


def without_refused(config: Config, reach: Reach) -> Config:
    """The config, without a number that is not allowed (any more): better a message taken than a call refused."""
    return config if fault_of(fallback_of(config), reach) is None else {**config, FALLBACK: ""}
