"""Numbers that an earlier start bought at the simulated Twilio still ask its webhooks: they are told of today's.

Telnyx's numbers need nothing: their application's one address is told to the network at its start.
"""

from collections.abc import Mapping

import aiohttp

from vocalized.child import ServerFailed

_REQUEST_S = 10.0
_MOST = 1_000
_OURS = "/webhooks/calls/"
# By what the carrier calls them: in its answers, and in what it is told.
_URLS = {"voice_url": "VoiceUrl", "voice_fallback_url": "VoiceFallbackUrl", "status_callback": "StatusCallback"}


async def point_numbers_here(carrier_url: str, account_sid: str, token: str, webhook_url: str) -> int:
    """Tells every number whose webhooks are elsewhere; returns how many there were. Raises ServerFailed."""
    numbers = f"/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers"
    timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
    headers = {"Authorization": aiohttp.encode_basic_auth(account_sid, token)}
    told = 0
    try:
        async with aiohttp.ClientSession(
            carrier_url, headers=headers, timeout=timeout, raise_for_status=True
        ) as session:
            async with session.get(f"{numbers}.json", params={"PageSize": _MOST}) as response:
                found = (await response.json())["incoming_phone_numbers"]
            for number in found:
                changed = _elsewhere(number, webhook_url)
                if changed:
                    async with session.post(f"{numbers}/{number['sid']}.json", data=changed):
                        told += 1
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        raise ServerFailed(f"the carrier's numbers could not be pointed here: {error}; see carrier.log") from error
    return told


def _elsewhere(number: Mapping[str, str | None], webhook_url: str) -> dict[str, str]:
    """What must be changed; an address that is none of our webhooks is somebody's own affair. What follows our base
    stays: a fragment says how often Twilio asks again."""
    changed = {}
    for kept, name in _URLS.items():
        address = number.get(kept) or ""
        _, ours, rest = address.partition(_OURS)
        wanted = f"{webhook_url}{ours}{rest}"
        if ours and address != wanted:
            changed[name] = wanted
    return changed
