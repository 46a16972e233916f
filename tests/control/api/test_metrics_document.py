"""docs/use/metrics.md and docs/run/platform-metrics.md define the figures of the answers, and no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from control.app import ROUTES
from control.billing.periods.rules import RESOURCE_TYPES
from control.http.openapi.document import response_schema
from control.http.route import Route, read_signature

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = "\n".join((DOCS / page).read_text() for page in ("use/metrics.md", "run/platform-metrics.md"))
SCHEMA = (Path(__file__).parents[3] / "control" / "db" / "schema.sql").read_text()
FIGURES = [route for route in ROUTES if "/analytics/" in route.path and not read_signature(route).streamed]
# They say which answer it is, and are no figures.
LABELS = {"first_day", "last_day", "timezone", "currency", "agent_id", "workspace_id", "provider", "name"}


def figures(route: Route) -> dict[str, Any]:
    """The answer's figures with their schemas: of its only list, or of the answer itself."""
    schema = response_schema(route)
    properties = schema["properties"]
    lists = [value for name, value in properties.items() if name not in LABELS]
    if len(lists) == 1 and lists[0].get("type") == "array":
        properties = schema["$defs"][lists[0]["items"]["$ref"].rpartition("/")[2]]["properties"]
    return {name: value for name, value in properties.items() if name not in LABELS}


def table(route: Route) -> dict[str, list[str]]:
    """The other cells of each figure in the section that names the path."""
    section = DOCUMENT.partition(f"`GET {route.path}`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" |")] for name, rest in rows}


@pytest.mark.parametrize("route", FIGURES, ids=lambda route: route.path)
def test_every_figure_is_defined(route: Route) -> None:
    assert table(route).keys() == figures(route).keys()


@pytest.mark.parametrize("route", FIGURES, ids=lambda route: route.path)
def test_nullable_figures_are_documented(route: Route) -> None:
    nullable = {name for name, schema in figures(route).items() if {"type": "null"} in schema.get("anyOf", [])}
    documented = {
        name for name, cells in table(route).items() if cells[-1] and name not in ("by_provider", "by_workspace")
    }
    assert documented == nullable


def test_every_figure_has_a_numerator_and_a_roll_up_that_exists() -> None:
    cells = [row for route in FIGURES for row in table(route).values()]
    assert len(FIGURES) == 7
    for numerator, _, roll_up, _ in cells:
        assert numerator
        for name in re.findall(r"`(\w+)`", roll_up):
            assert f"CREATE TABLE public.{name} " in SCHEMA
        assert roll_up


def test_every_name_of_money_is_a_field_of_the_api() -> None:
    """The table of the section Money names fields of answers, and resource types of the ledger."""
    section = DOCUMENT.partition("\n## Money\n")[2].partition("\n| roll-up |")[0]
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    schemas = json.dumps([response_schema(route) for route in ROUTES if not read_signature(route).streamed])
    fields = set(re.findall(r'"(\w+)": \{', schemas))
    assert len(named) > 30
    assert not named - fields - {*RESOURCE_TYPES.values()}
