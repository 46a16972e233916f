"""Checks the Telnyx account: the settings that its Call Control application needs for calls to work.

Sources: the API reference's pages "Retrieve a call control application" and "Retrieve an outbound voice profile", and
sip-trunking/configuration/concurrent-limits.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.doctor import DoctorFinding

TIMEOUT_S: Final = 5.0
_ATTEMPTS: Final = 2
_API_URL: Final = "https://api.telnyx.com/v2"
_NAME: Final = "Telnyx account"
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountFault(Exception):
    """The account could not be queried.

    Attributes:
        needed: Whether calls would fail, too.
    """

    detail: str
    remedy: str
    needed: bool = True


def account(root: Path, webhook_url: str = "") -> Iterator[DoctorFinding]:
    """Query Telnyx if its key and application are set. Otherwise yields no finding.

    Args:
        webhook_url: Default: the URL of the settings.
    """
    key, application_id = (os.environ.get(f"VOCALIZED_TELNYX_{name}", "") for name in ("API_KEY", "CONNECTION_ID"))
    if not key or not application_id:
        return
    base = os.environ.get("VOCALIZED_TELNYX_API_URL", _API_URL).rstrip("/")
    try:
        application = _read(base, f"call_control_applications/{application_id}", key)
        profile_id = _outbound(application).get("outbound_voice_profile_id")
        profile = _read(base, f"outbound_voice_profiles/{profile_id}", key) if profile_id else None
    except AccountFault as fault:
        yield DoctorFinding(_NAME, False, fault.detail, fault.remedy, needed=fault.needed)
        return
    yield from findings(application, profile, webhook_url or os.environ.get("VOCALIZED_WEBHOOK_URL", ""))


def findings(application: Answer, profile: Answer | None, webhook_url: str) -> Iterator[DoctorFinding]:
    """Yield what is wrong with an application and its outbound voice profile.

    Args:
        webhook_url: The value of VOCALIZED_WEBHOOK_URL.
    """
    wanted = f"{webhook_url.rstrip('/')}/webhooks/calls/inbound"
    found = str(application.get("webhook_event_url") or "")
    checks = (
        ("application", application.get("active") is not False, "it is not active", "activate it in the portal", True),
        ("webhook address", found == wanted, f"it is {found or 'empty'}", f"set it to {wanted}", True),
        ("API version", str(application.get("webhook_api_version")) == "2", "it is not 2", "set it to API v2", True),
        ("outbound profile", profile is not None, "the application has none", "add one, to call out", True),
        ("failover address", bool(application.get("webhook_event_failover_url")), "there is none",
         "set one at another entrance of the API: events are lost while the first is away", False),
        ("cost in webhooks", application.get("call_cost_in_webhooks") is True, "it is off",
         "switch call cost on: what calls cost is not known without it", False),
    )  # fmt: skip
    for what, ok, fault, remedy, needed in checks:
        yield DoctorFinding(f"Telnyx {what}", ok, "as it should be" if ok else fault, remedy, needed)
    if profile is not None:
        yield _limits(application, profile)


def _limits(application: Answer, profile: Answer) -> DoctorFinding:
    limits = [_outbound(application).get("channel_limit"), profile.get("concurrent_call_limit")]
    known = [limit for limit in limits if isinstance(limit, int)]
    countries = profile.get("whitelisted_destinations") or []
    shown = f"{min(known)} calls at once" if known else "no limit of its own (a new account has 2 calls at once, or 10)"
    detail = f"{shown}; to {', '.join(map(str, countries)) or 'no country'}"
    is_usable = profile.get("enabled") is not False and bool(countries) and min(known, default=1) > 0
    return DoctorFinding(
        "Telnyx limits", is_usable, detail, "enable the profile, and allow the countries that are called"
    )


def _outbound(application: Answer) -> Answer:
    outbound = application.get("outbound")
    return outbound if isinstance(outbound, dict) else {}


def _read(base: str, path: str, key: str) -> Answer:
    """Read a resource of the account. Raises AccountFault, whose text contains no key."""
    import httpx  # Not imported at module level, because the doctor also runs where packages are missing.

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            response = httpx.get(f"{base}/{path}", headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S)
            break
        except httpx.HTTPError as error:
            if attempt == _ATTEMPTS:
                remedy = "this machine needs a way to Telnyx's API"
                raise AccountFault(f"not reached: {type(error).__name__}", remedy, needed=False) from None
    if response.status_code in (401, 403):
        raise AccountFault("the API key is refused", "make a key under Keys & Credentials")
    if response.status_code == 404:
        raise AccountFault(f"the account has no {path.partition('/')[0]} with this id", "copy the id from the portal")
    try:
        data = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if response.status_code != 200 or not isinstance(data, dict):
        raise AccountFault(f"answered with HTTP {response.status_code}", "try again later", needed=False)
    return data
