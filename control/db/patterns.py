"""Patterns for SQL's ILIKE."""


def contains_pattern(text: str) -> str:
    """Return the ILIKE pattern that matches any text containing `text`, with the wildcards of `text` escaped."""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
