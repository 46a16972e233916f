"""Writes `shared/pipecat_services.json`: the services of the pinned pipecat, with the settings that each takes.

    python -m tools.pipecat_catalog

pipecat's source is read and not imported, because most services want packages of their vendors. Its constructors and
`Settings` classes are what a service takes; left out are values that are no JSON (sessions, callables), deprecated
ones, and secrets, of which the one named `api_key` is the provider's key.
"""

import ast
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).resolve().parents[1] / "shared" / "pipecat_services.json"
PACKAGE: Final = "pipecat"
BASES: Final = {
    "pipecat.services.stt_service.STTService": "stt",
    "pipecat.services.llm_service.LLMService": "llm",
    "pipecat.services.tts_service.TTSService": "tts",
}
# Their modules hold what others inherit; the next ones hold services that hear and speak by themselves.
_BASE_MODULES: Final = tuple(name.rpartition(".")[0] for name in BASES)
_SPEECH_TO_SPEECH: Final = re.compile(r"\.(realtime|live|voice_live|gemini_live|nova_sonic|ultravox)\b")
# A value that the engine gives, an object of the program, or what would be another service's part.
GIVEN: Final = ("aiohttp_session", "client", "settings", "params", "self", "kwargs", "args")
_SECRET: Final = re.compile(r"(^|_)(key|secret|credentials?|password|(auth|access|session|api)_token)(_id|_path)?$")
# What the agent's plan says, what the engine decides (it speaks clauses, and a call has one loop of retries: the
# chain's), and what changes the form of a reply.
_INTERNAL: Final = frozenset(
    {
        "system_instruction",
        "filter_incomplete_user_turns",
        "user_turn_completion_config",
        "text_aggregation_mode",
        "retry_on_timeout",
        "retry_timeout_secs",
        "max_retries",
    }
)
_BASE_CLASS: Final = re.compile(r"Base(?!ten)")
_SCALARS: Final = {"str": "text", "int": "integer", "float": "number", "bool": "boolean"}
# Names of pipecat's types that are given as texts.
_TEXT_TYPES: Final = ("Language", "TextAggregationMode")
_DEPRECATED: Final = re.compile(r"^ {12}(\w+):(?:(?!^ {12}\w+:).)*?\.\. deprecated::", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class ClassSource:
    """A class as it is written. name: with its module. imports: what the module's names stand for."""

    name: str
    node: ast.ClassDef
    imports: dict[str, str]


@dataclass
class ServiceFacts:
    """What the catalog says of one service."""

    kind: str
    settings: dict[str, str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    key: str = ""
    wants_session: bool = False


class SourceTree:
    """All classes of pipecat's services, by their full names."""

    def __init__(self, root: Path) -> None:
        self.classes: dict[str, ClassSource] = {}
        for path in sorted((root / "services").rglob("*.py")):
            self._read(path, root)

    def resolve(self, at: ClassSource, name: str) -> ClassSource | None:
        """The class that a name, or `Service.Settings`, stands for where `at` is written."""
        outer, _, inner = name.partition(".")
        found = self.classes.get(at.imports.get(outer, f"{at.name.rpartition('.')[0]}.{outer}"))
        return self.settings(found) if found is not None and inner == "Settings" else found

    def settings(self, service: ClassSource) -> ClassSource | None:
        """The class that a service names as its `Settings`."""
        for source in self.lineage(service):
            for node in source.node.body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "Settings":
                    return self.resolve(source, ast.unparse(node.value))
        return None

    def lineage(self, one: ClassSource) -> Iterator[ClassSource]:
        """The class and those that it inherits from, the nearest first."""
        yield one
        for base in one.node.bases:
            text = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            found = self.resolve(one, text)
            if found is not None and found.name != one.name:
                yield from self.lineage(found)

    def _read(self, path: Path, root: Path) -> None:
        parts = path.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text())
        imports = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in _statements(tree.body)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self.classes[f"{module}.{node.name}"] = ClassSource(f"{module}.{node.name}", node, imports)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those in its conditions and attempts, and not those in functions."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements(node.body)
            yield from _statements(node.orelse)


def make_catalog(root: Path, version: str) -> dict[str, Any]:
    """The catalog of the pipecat whose package is at `root`."""
    tree = SourceTree(root)
    services = {name: _facts(tree, one) for name, one in sorted(tree.classes.items()) if _is_service(tree, one)}
    return {"version": version, "services": {name: vars(facts) for name, facts in services.items() if facts}}


def encode_catalog(catalog: dict[str, Any]) -> str:
    """JSON with a line for each service."""
    lines = [f'  "{name}": {json.dumps(facts)}' for name, facts in catalog["services"].items()]
    return f'{{"version": "{catalog["version"]}", "services": {{\n' + ",\n".join(lines) + "\n}}\n"


def installed() -> tuple[Path, str]:
    """The installed pipecat's folder and version."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]), importlib.metadata.version("pipecat-ai")


def _is_service(tree: SourceTree, one: ClassSource) -> bool:
    module, _, name = one.name.rpartition(".")
    if not module.startswith("pipecat.services.") or module in _BASE_MODULES or name.startswith("_"):
        return False
    if _SPEECH_TO_SPEECH.search(f"{module}.") or "sagemaker" in module or _BASE_CLASS.search(name):
        return False
    return _kind(tree, one) != "" and not any(_is_abstract(node) for node in one.node.body)


def _is_abstract(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(decorator).endswith("abstractmethod") for decorator in decorators)


def _kind(tree: SourceTree, one: ClassSource) -> str:
    return next((BASES[base.name] for base in tree.lineage(one) if base.name in BASES), "")


def _facts(tree: SourceTree, one: ClassSource) -> ServiceFacts | None:
    """None where the service needs what the engine cannot give."""
    facts = ServiceFacts(_kind(tree, one))
    settings = tree.settings(one)
    facts.settings.update(_fields(tree, settings) if settings else {})
    for source, init, taken in _constructors(tree, one):
        for argument, is_required in _arguments(init):
            if argument.arg not in taken and not _add(tree, source, argument, is_required, init, facts):
                return None
    return facts


def _fields(tree: SourceTree, settings: ClassSource) -> dict[str, str]:
    """The fields of a class of settings, with their types."""
    fields: dict[str, str] = {}
    for source in reversed(list(tree.lineage(settings))):
        for node in source.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = "" if _is_left_out(node.target.id) else _type(tree, source, node.annotation)
                fields[node.target.id] = kind
    return {name: kind for name, kind in fields.items() if kind}


def _is_left_out(name: str) -> bool:
    return name.startswith("_") or name in _INTERNAL or bool(_SECRET.search(name))


def _constructors(tree: SourceTree, one: ClassSource) -> Iterator[tuple[ClassSource, ast.FunctionDef, set[str]]]:
    """The constructor, and those that it hands `**kwargs` to within the vendor's own modules, each with the names that
    the ones before have set."""
    taken: set[str] = set()
    for source in tree.lineage(one):
        if source.name.rpartition(".")[0] in _BASE_MODULES:
            return
        init = next((n for n in source.node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if init is None:
            continue
        yield source, init, set(taken)
        if init.args.kwarg is None:
            return
        taken |= {argument.arg for argument, _ in _arguments(init)} | _passed(init)


def _passed(init: ast.FunctionDef) -> set[str]:
    """The names that a constructor gives to its base class."""
    calls = (node for node in ast.walk(init) if isinstance(node, ast.Call))
    supers = (call for call in calls if ast.unparse(call.func).endswith("__init__"))
    return {keyword.arg for call in supers for keyword in call.keywords if keyword.arg}


def _arguments(init: ast.FunctionDef) -> Iterator[tuple[ast.arg, bool]]:
    """Each argument that can be named, and whether it has no default."""
    places = init.args.args
    missing = len(places) - len(init.args.defaults)
    for number, argument in enumerate(places):
        yield argument, number < missing
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        yield argument, default is None


def _add(
    tree: SourceTree, source: ClassSource, argument: ast.arg, is_required: bool, init: ast.FunctionDef, to: ServiceFacts
) -> bool:
    """Adds a constructor's argument; False where it is needed and cannot be given."""
    name = argument.arg
    to.wants_session = to.wants_session or name == "aiohttp_session"
    if name == "api_key":
        to.key = "required" if is_required else "optional"
    if name in GIVEN or name == "api_key" or name in to.settings:
        return True
    kind = "" if _is_left_out(name) or name in _deprecated(init) else _type(tree, source, argument.annotation)
    if kind:
        to.settings[name] = kind
        to.required += [name] if is_required else []
    return bool(kind) or not is_required


def _deprecated(init: ast.FunctionDef) -> set[str]:
    return set(
        _DEPRECATED.findall("\n".join(f"        {line}" for line in (ast.get_docstring(init) or "").split("\n")))
    )


def _type(tree: SourceTree, source: ClassSource, annotation: ast.expr | None) -> str:
    """The JSON type of an annotation; empty where no JSON value can be given. OpenAI's services annotate few."""
    if annotation is None:
        return "text"
    parts = [kind for part in _union(annotation) if (kind := _part(tree, source, part))]
    return "any" if len(set(parts)) > 1 else next(iter(parts), "")


def _union(annotation: ast.expr | None) -> Iterator[ast.expr]:
    if isinstance(annotation, ast.BinOp):
        yield from _union(annotation.left)
        yield from _union(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Optional", "Union"):
        inside = annotation.slice
        for part in inside.elts if isinstance(inside, ast.Tuple) else [inside]:
            yield from _union(part)
    elif annotation is not None:
        yield annotation


def _part(tree: SourceTree, source: ClassSource, part: ast.expr) -> str:
    text = ast.unparse(part)
    if text in _SCALARS:
        return _SCALARS[text]
    if text in _TEXT_TYPES or text.startswith("Literal["):
        return "text"
    if text.startswith(("list[", "List[", "tuple[")):
        return "list"
    if text.startswith(("dict", "Dict", "Mapping")):
        return "object"
    found = tree.resolve(source, text)
    bases = [ast.unparse(base) for base in found.node.bases] if found else []
    if any(base in ("Enum", "StrEnum", "str") for base in bases):
        return "text"
    return "object" if "BaseModel" in bases else ""


if __name__ == "__main__":
    TARGET.write_text(encode_catalog(make_catalog(*installed())))
