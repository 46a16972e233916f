"""Patterns for ILIKE."""


def contains_pattern(text: str) -> str:
    """Return the pattern for a part of a text, with the wildcards of `text` escaped."""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
