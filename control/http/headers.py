"""What every answer carries beside its content."""

from multidict import CIMultiDict, MultiMapping

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
YEAR_S = 31_536_000


def standing_headers(public_url: str) -> MultiMapping[str]:
    """Of every answer; those that an answer sets itself stay. HSTS only where people come by https."""
    headers = CIMultiDict(
        {
            "Server": "Vocalized",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": API_POLICY,
            "Cross-Origin-Resource-Policy": "same-site",
            "Cache-Control": "no-store",
        }
    )
    if public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={YEAR_S}; includeSubDomains"
    return headers
