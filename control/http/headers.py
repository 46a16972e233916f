"""The default headers of all responses."""

from multidict import CIMultiDict, MultiMapping

from shared.http_protocol import SERVER_NAME

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
YEAR_S = 31_536_000


def default_headers(public_url: str) -> MultiMapping[str]:
    """Return the default headers. A response's own headers take precedence. HSTS is set only if `public_url` is
    https."""
    headers = CIMultiDict(
        {
            "Server": SERVER_NAME,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Cross-Origin-Resource-Policy": "same-site",
            "Cache-Control": "no-store",
        }
    )
    if public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={YEAR_S}; includeSubDomains"
    return headers
