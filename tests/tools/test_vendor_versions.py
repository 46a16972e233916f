"""API versions and model names beside those of the vendors' SDKs."""

from datetime import date
from pathlib import Path

import pytest

from tools.vendor_versions import SDKS, ModelUse, Sdk, compare, find_installed, list_models, read_ends, read_source
from vendors.anthropic.wire import VERSION

TODAY = date(2026, 12, 2)
ANTHROPIC = next(sdk for sdk in SDKS if sdk.package == "anthropic")
OPENAI = next(sdk for sdk in SDKS if sdk.package == "openai")
CLAUDE = """
ANTHROPIC_API_VERSION = "{version}"
Model: TypeAlias = Union[
    Literal[
        "claude-haiku-4-5",
        "claude-sonnet-5-5",{model}
    ],
    str,
]
DEPRECATED_MODELS: Dict[str, str] = {{"claude-opus-4-5": "January 22nd, 2027"}}
"""
GPT = '''
ChatModel: TypeAlias = Literal["gpt-new", "gpt-old", "gpt-older"]
"""Deprecated values:

- "gpt-old", "gpt-old-mini",
  "gpt-old-2024": Announced shutdown date: 2027-01-14. See
  https://developers.openai.com/api/docs/deprecations for details.
- "gpt-older": Announced shutdown
  date: 2026-10-23. See the same page.
"""
'''


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if find_installed(sdk)], ids=lambda sdk: sdk.package)
def test_agrees_with_the_installed_sdks(sdk: Sdk) -> None:
    folder = find_installed(sdk)
    assert folder is not None
    assert list(compare(sdk, read_source(folder), list_models(), TODAY)) == []


def test_the_development_environment_has_sdks_to_compare() -> None:
    assert {sdk.package for sdk in SDKS if find_installed(sdk)} >= {"openai", "cartesia", "deepgram"}


def test_reports_another_api_version_and_an_unknown_claude_model() -> None:
    source = CLAUDE.format(version="2030-01-01", model='\n        "claude-haiku-9",')
    version, model = compare(ANTHROPIC, source, [], TODAY)
    assert version == f"API version: we send {VERSION}, the SDK 2030-01-01"
    assert model.startswith("claude-haiku-9: no entry")


def test_accepts_the_same_api_version_and_known_models() -> None:
    assert list(compare(ANTHROPIC, CLAUDE.format(version=VERSION, model=""), [], TODAY)) == []


def test_reads_the_announced_ends() -> None:
    assert read_ends(GPT) == {
        **dict.fromkeys(("gpt-old", "gpt-old-mini", "gpt-old-2024"), date(2027, 1, 14)),
        "gpt-older": date(2026, 10, 23),
    }
    assert read_ends(CLAUDE.format(version=VERSION, model="")) == {"claude-opus-4-5": date(2027, 1, 22)}


@pytest.mark.parametrize(
    ("use", "difference"),
    [
        (ModelUse("openai", "gpt-new", is_default=True), None),
        (ModelUse("openai", "gpt-old", is_default=True), "openai: the default model gpt-old ends on 2027-01-14"),
        (ModelUse("openrouter", "openai/gpt-old", is_default=True), "ends on 2027-01-14"),
        (ModelUse("openai", "gpt-typo", is_default=True), "does not name the default model gpt-typo"),
        (ModelUse("openai", "gpt-old", is_default=False), None),
        (ModelUse("openai", "gpt-older", is_default=False), "has a price and ended on 2026-10-23"),
        (ModelUse("anthropic", "gpt-typo", is_default=True), None),
    ],
)
def test_compares_a_model(use: ModelUse, difference: str | None) -> None:
    found = list(compare(OPENAI, GPT, [use], TODAY))
    assert len(found) == (difference is not None)
    assert difference is None or difference in found[0]


def test_reads_all_sources_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "model.py").write_text("A = 1")
    (tmp_path / "client.py").write_text("B = 2")
    assert read_source(tmp_path) == "B = 2\nA = 1"
