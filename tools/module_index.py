"""Write `docs/develop/packages.md`: every package with the first sentence of its docstring.

    python -m tools.module_index

Large flat packages are listed with their modules. The packages of control all have the same modules
(docs/develop/control.md), so they are listed without.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = ROOT / "docs" / "develop" / "packages.md"
PROGRAMS: Final = ("media", "control", "vendors", "shared", "config", "vocalized", "simulator", "lab")
_WITH_MODULES: Final = frozenset(
    {
        "media/call",
        "media/providers",
        "media/server",
        "media/server/bus",
        "media/tools",
        "media/turn",
        "shared",
        "shared/bus",
    }
)
_HEAD: Final = """# Packages

`python -m tools.module_index` writes this page from the docstrings, and a test keeps it up to date. Large packages
are listed with their modules. To find the place where a rule is decided, use [where.md](../where.md). For the
import rules, see [ARCHITECTURE.md](../../ARCHITECTURE.md).
"""


def make_page() -> str:
    """Return the text of the page."""
    return _HEAD + "".join(f"\n## {name}\n\n{''.join(_entries(ROOT / name))}" for name in PROGRAMS)


def _entries(package: Path) -> Iterator[str]:
    """Yield a line for the package, then lines for its modules and packages."""
    path = package.relative_to(ROOT).as_posix()
    indent = "  " * path.count("/")
    yield f"{indent}- `{path}/`: {_summary(package / '__init__.py')}\n"
    if path in _WITH_MODULES:
        for module in sorted(package.glob("*.py")):
            if not module.stem.startswith("__"):
                yield f"{indent}  - `{module.name}`: {_summary(module)}\n"
    for child in sorted(package.iterdir()):
        if (child / "__init__.py").is_file():
            yield from _entries(child)


def _summary(module: Path) -> str:
    """Return the first sentence of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    first = " ".join(docstring.partition("\n\n")[0].split())
    return re.split(r"(?<=[\w)`]\.) (?=[A-Z`])", first, maxsplit=1)[0]


def main() -> None:
    """Write the page."""
    TARGET.write_text(make_page())


if __name__ == "__main__":
    main()
