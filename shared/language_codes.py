"""Codes of languages (BCP 47)."""


def base_language(language: str) -> str:
    """Return the language without its region: "en" for "en-GB"."""
    return language.replace("_", "-").partition("-")[0].lower()
