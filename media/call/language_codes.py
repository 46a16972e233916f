"""Maps the codes that vendors use for a language to one code. Pure."""

from collections.abc import Mapping
from typing import Final

# Our code -> codes of ISO 639-2 and 639-3, older codes, and codes of parts of Norwegian and of Tagalog.
_OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{"af": ("afr",), "am": ("amh",), "ar": ("ara", "arb"), "az": ("aze",), "be": ("bel",), "bg": ("bul",)},
    **{"bn": ("ben",), "bs": ("bos",), "ca": ("cat",), "cs": ("ces", "cze"), "cy": ("cym", "wel"), "da": ("dan",)},
    **{"de": ("deu", "ger"), "el": ("ell", "gre"), "en": ("eng",), "es": ("spa",), "et": ("est",)},
    **{"eu": ("eus", "baq"), "fa": ("fas", "per", "pes"), "fi": ("fin",), "fr": ("fra", "fre"), "ga": ("gle",)},
    **{"gl": ("glg",), "gu": ("guj",), "he": ("heb", "iw"), "hi": ("hin",), "hr": ("hrv",), "hu": ("hun",)},
    **{"hy": ("hye", "arm"), "id": ("ind", "in"), "is": ("isl", "ice"), "it": ("ita",), "ja": ("jpn",)},
    **{"jv": ("jav",), "ka": ("kat", "geo"), "kk": ("kaz",), "km": ("khm",), "kn": ("kan",), "ko": ("kor",)},
    **{"lo": ("lao",), "lt": ("lit",), "lv": ("lav",), "mk": ("mkd", "mac"), "ml": ("mal",), "mn": ("mon",)},
    **{"mr": ("mar",), "ms": ("msa", "may", "zsm"), "mt": ("mlt",), "my": ("mya", "bur"), "ne": ("nep",)},
    **{"nl": ("nld", "dut"), "no": ("nor", "nb", "nob", "nn", "nno"), "pa": ("pan",), "pl": ("pol",)},
    **{"ps": ("pus",), "pt": ("por",), "ro": ("ron", "rum"), "ru": ("rus",), "si": ("sin",), "sk": ("slk", "slo")},
    **{"sl": ("slv",), "so": ("som",), "sq": ("sqi", "alb"), "sr": ("srp",), "sv": ("swe",), "sw": ("swa", "swh")},
    **{"ta": ("tam",), "te": ("tel",), "th": ("tha",), "tl": ("tgl", "fil"), "tr": ("tur",), "uk": ("ukr",)},
    **{"ur": ("urd",), "uz": ("uzb",), "vi": ("vie",), "zh": ("zho", "chi", "cmn"), "zu": ("zul",)},
}
_SAME: Final[Mapping[str, str]] = {other: code for code, others in _OTHERS.items() for other in others}


def base_language(tag: str) -> str:
    """Return "en" for "en-GB" and "eng", and one code for a language for which vendors use several."""
    base = tag.replace("_", "-").partition("-")[0].lower()
    return _SAME.get(base, base)
