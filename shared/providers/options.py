"""Types of values in vendors' options."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

ProviderKind = Literal["stt", "llm", "tts"]
# The option that contains a vendor's address.
BASE_URL: Final = "base_url"

Seconds = Annotated[float, Meta(gt=0, le=30)]
ChatSeconds = Annotated[float, Meta(gt=0, le=120)]
Ms = Annotated[int, Meta(ge=0, le=600_000)]
ChatUrl = Annotated[str, Meta(pattern=r"^https?://[^\s/?#][^\s?#]*\Z")]
SocketUrl = Annotated[str, Meta(pattern=r"^(wss?|https?)://[^\s/]")]
Location = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*\Z", max_length=40)]
OptionalSocketUrl = Annotated[str, Meta(pattern=r"^((wss?|https?)://[^\s/]|\Z)")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Keyterms = Annotated[tuple[Name, ...], Meta(max_length=100)]
Languages = Annotated[tuple[Annotated[str, Meta(min_length=2, max_length=20)], ...], Meta(max_length=10)]
# AssemblyAI ignores longer keyterms and rejects a longer list. xAI has the same limits.
ShortKeyterms = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=50)], ...], Meta(max_length=100)]
# When a stand-in fails, for tests of the fallback: at once, after half of its output, or by never answering.
StandinFailure = Literal["", "open", "midway", "silent"]


class EmptyOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of vendors that have none."""
