"""Names of public classes are defined once: OpenAPI and readers tell them apart by name alone."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLASS_ROOMS = ("media", "control", "shared", "vendors", "config")


def modules(*rooms: str) -> list[Path]:
    """Files of the rooms, without the simulated vendors, which are the simulator's."""
    paths = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in paths if not path.match("vendors/*/simulator.py")]


def test_public_class_names_are_defined_once() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules(*CLASS_ROOMS):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
