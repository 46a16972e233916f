"""Countries with phone numbers, by ISO 3166 code."""

from collections.abc import Sequence

import phonenumbers

from shared.errors import Invalid


def require_countries(codes: Sequence[str], param: str) -> None:
    """Raises Invalid (code country_unknown)."""
    unknown = sorted(set(codes) - phonenumbers.SUPPORTED_REGIONS)
    if unknown:
        raise Invalid(f"There is no country with numbers named {unknown[0]!r}.", code="country_unknown", param=param)
