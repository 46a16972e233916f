"""Names: public classes are defined once, and modules are named with the nouns of the field."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLASS_ROOMS = ("media", "control", "shared", "config")
MODULE_ROOMS = (*CLASS_ROOMS, "simulator", "vocalized", "benchmarks", "clients", "tests")
# Last words of module names that may end in "ing", each with its meaning.
NOUNS_IN_ING = {
    "billing": "charging for usage",
    "dunning": "the pursuit of late payments",
    "finding": "a result of a check",
    "listening": "the benchmark of turn-taking",
    "packaging": "the build of a package",
    "pending": "an adjective, as in pending sockets",
    "pricing": "the price list",
    "recording": "recorded audio",
    "routing": "the choice of a destination",
    "timing": "times of words or events",
}
PRIVATE_WORDS = frozenset(
    [
        "lobby",
        "desk",
        "door",
        "house",
        "courier",
        "turnstile",
        "shelf",
        "leftovers",
        "knocks",
        "keepsakes",
        "surroundings",
        "roster",
        "tape",
        "orders",
        "notes",
        "told",
        "given",
        "listed",
        "leading",
        "later",
        "applied",
        "placed",
        "joined",
        "hung",
        "kept",
    ]
)


def modules(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def test_public_class_names_are_defined_once() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules(*CLASS_ROOMS):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_modules_are_not_named_by_gerunds_or_private_words() -> None:
    assert [str(path.relative_to(ROOT)) for path in modules(*MODULE_ROOMS) if _is_bad(path)] == []


def _is_bad(path: Path) -> bool:
    """Whether the module's name, or the name of its package, has to be replaced."""
    words = (path.parent if path.name == "__init__.py" else path).stem.removeprefix("test_").split("_")
    return not PRIVATE_WORDS.isdisjoint(words) or (words[-1].endswith("ing") and words[-1] not in NOUNS_IN_ING)
