"""Compares the API versions and model names that we use with those in the vendors' SDKs:

    python -m tools.vendor_versions             # SDKs of this environment; those that it lacks are downloaded
    python -m tools.vendor_versions --newest    # the newest release of each SDK

Exit code 1 and one line per difference: another API version, a default model that the SDK does not name or whose end is
announced, a price of a model that has ended, a Claude model without an entry in the table of thinking. The sources of
the SDKs are read as text, never imported; a download is a wheel without its dependencies, in a temporary folder.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from config.catalog_agents import read_providers
from lab.benchmarks.vendors.conversation import CHAT_MODEL
from vendors.anthropic import wire as anthropic_wire
from vendors.assemblyai import wire as assemblyai_wire
from vendors.cartesia import wire as cartesia_wire
from vendors.cartesia.wire import VERSION as CARTESIA_VERSION

_DOWNLOAD_S: Final = 120


@dataclass(frozen=True)
class Sdk:
    """One vendor's SDK. package: the folder that it installs. distribution: its name in the registry. header: finds the
    API version in its sources; versions: ours, of media and control. providers: of the catalog, whose models it
    names."""

    package: str
    distribution: str
    providers: Sequence[str]
    header: str = ""
    versions: Sequence[str] = ()


SDKS: Final = (
    Sdk(
        "anthropic",
        "anthropic",
        ("anthropic",),
        r'ANTHROPIC_API_VERSION = "([\d-]+)"',
        (anthropic_wire.VERSION,),
    ),
    Sdk("openai", "openai", ("openai", "azure-openai", "openrouter", "benchmarks")),
    Sdk(
        "cartesia",
        "cartesia",
        ("cartesia",),
        r'"cartesia-version": "([\d-]+)"',
        (cartesia_wire.VERSION, CARTESIA_VERSION),
    ),
    Sdk("assemblyai", "assemblyai", ("assemblyai",), r'"AssemblyAI-Version": "([\d-]+)"', (assemblyai_wire.VERSION,)),
    Sdk("deepgram", "deepgram-sdk", ("deepgram",)),
    Sdk("elevenlabs", "elevenlabs", ("elevenlabs",)),
)


@dataclass(frozen=True)
class ModelUse:
    """A model of ours. provider: of the catalog, or `benchmarks`. is_default: not only priced."""

    provider: str
    model: str
    is_default: bool


def list_models() -> list[ModelUse]:
    """Default and priced models of the catalog, and the benchmarks' model."""
    uses = [ModelUse("benchmarks", CHAT_MODEL, is_default=True)]
    for provider in read_providers():
        for kind in provider.kinds:
            default = provider.config.get(kind, {}).get("model", "")
            names = {default, *provider.cost_per_unit.get(kind, {})} - {"", "*"}
            uses += [ModelUse(provider.provider, name, is_default=name == default) for name in sorted(names)]
    return uses


def compare(sdk: Sdk, source: str, models: Sequence[ModelUse], today: date) -> Iterator[str]:
    """Yield each difference. source: all of the SDK's sources."""
    if sdk.header:
        found = re.search(sdk.header, source)
        theirs = found[1] if found else "none that we find"
        yield from (
            f"API version: we send {ours}, the SDK {theirs}" for ours in sorted(set(sdk.versions)) if ours != theirs
        )
    ends = read_ends(source)
    for use in models:
        if use.provider in sdk.providers:
            yield from _compare_model(use, source, ends, today)
    if sdk.package == "anthropic":
        for name in sorted(set(re.findall(r'"(claude-[a-z]+-\d[\d-]*)"', _model_type(source))) - set(ends)):
            if not anthropic_wire.knows_thinking(name):
                yield f"{name}: no entry in vendors/anthropic/wire.py, so that the model thinks as much as it likes"


def _compare_model(use: ModelUse, source: str, ends: Mapping[str, date], today: date) -> Iterator[str]:
    name = use.model.rpartition("/")[2]  # of OpenRouter's, behind the vendor
    end = ends.get(name)
    if use.is_default and end is not None:
        yield f"{use.provider}: the default model {name} ends on {end}"
    elif use.is_default and f'"{name}"' not in source:
        yield f"{use.provider}: the SDK does not name the default model {name}"
    elif end is not None and end <= today:
        yield f"{use.provider}: {name} has a price and ended on {end}"


def read_ends(source: str) -> dict[str, date]:
    """Return the announced end of each model: of openai's docstring of `ChatModel`, and anthropic's table."""
    ends: dict[str, date] = {}
    for names, day in re.findall(
        r"- ((?:\"[\w.-]+\",?\s+)*\"[\w.-]+\"):\s+Announced\s+shutdown\s+date:\s+([\d-]{10})", source
    ):
        ends |= dict.fromkeys(re.findall(r'"([\w.-]+)"', names), date.fromisoformat(day))
    for name, month, day, year in re.findall(r'"(claude-[\w.-]+)": "(\w+) (\d+)\w\w, (\d{4})"', source):
        ends[name] = datetime.strptime(f"{day} {month} {year}", "%d %B %Y").date()
    return ends


def _model_type(source: str) -> str:
    found = re.search(r"^Model: TypeAlias = Union\[.*?^\]", source, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


def read_source(folder: Path) -> str:
    """Return all Python sources below a folder as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


def find_installed(sdk: Sdk) -> Path | None:
    """Return the SDK's folder in this environment; None if it is not installed."""
    spec = importlib.util.find_spec(sdk.package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def download(sdk: Sdk, target: Path) -> Path:
    """Download the newest wheel and return the folder of its package. Raises CalledProcessError."""
    options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--dest", str(target)]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, sdk.distribution], check=True, timeout=_DOWNLOAD_S
    )
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target / sdk.package


def _read(sdk: Sdk, *, newest: bool) -> tuple[str, str]:
    """Return where the SDK is from, and its sources."""
    folder = None if newest else find_installed(sdk)
    if folder is not None:
        return "installed", read_source(folder)
    with tempfile.TemporaryDirectory() as target:
        return "newest", read_source(download(sdk, Path(target)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 for any difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newest", action="store_true", help="download each SDK, also if it is installed")
    newest = parser.parse_args(arguments).newest
    models, count = list_models(), 0
    for sdk in SDKS:
        try:
            origin, source = _read(sdk, newest=newest)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            origin, differences = "not compared", ["not installed, and pip cannot download it"]
        else:
            differences = list(compare(sdk, source, models, date.today()))
        print(f"{sdk.distribution} ({origin}): {len(differences) or 'no'} difference{'s' * (len(differences) != 1)}")
        for difference in differences:
            print(f"  {difference}")
        count += len(differences)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
