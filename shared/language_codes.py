"""Codes of languages (BCP 47)."""


def base_language(language: str) -> str:
    """ "en" of "en-GB"."""
    return language.replace("_", "-").partition("-")[0].lower()
