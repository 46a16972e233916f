"""Points the webhooks of numbers that an earlier start bought at the simulated Twilio to this start's address.

Telnyx's numbers need nothing: the network gets the application's one address at its start.
"""

from collections.abc import Mapping

import aiohttp

from vocalized.stack.process import ServerFailed

_REQUEST_S = 10.0
_MOST = 1_000
_OURS = "/webhooks/calls/"
# Twilio's field names: in its answers, and in requests.
_URLS = {"voice_url": "VoiceUrl", "voice_fallback_url": "VoiceFallbackUrl", "status_callback": "StatusCallback"}


async def update_number_webhooks(carrier_url: str, account_sid: str, token: str, webhook_url: str) -> int:
    """Updates every number whose webhooks point elsewhere; returns how many there were. Raises ServerFailed."""
    numbers = f"/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers"
    timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
    headers = {"Authorization": aiohttp.encode_basic_auth(account_sid, token)}
    updated = 0
    try:
        async with aiohttp.ClientSession(
            carrier_url, headers=headers, timeout=timeout, raise_for_status=True
        ) as session:
            async with session.get(f"{numbers}.json", params={"PageSize": _MOST}) as response:
                found = (await response.json())["incoming_phone_numbers"]
            for number in found:
                changed = _changes(number, webhook_url)
                if changed:
                    async with session.post(f"{numbers}/{number['sid']}.json", data=changed):
                        updated += 1
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        raise ServerFailed(f"the carrier's numbers could not be pointed here: {error}; see carrier.log") from error
    return updated


def _changes(number: Mapping[str, str | None], webhook_url: str) -> dict[str, str]:
    """The fields to change. An address that is not one of our webhooks is left alone. What follows the base URL stays:
    its fragment says how often Twilio retries."""
    changed = {}
    for field, name in _URLS.items():
        address = number.get(field) or ""
        _, ours, rest = address.partition(_OURS)
        wanted = f"{webhook_url}{ours}{rest}"
        if ours and address != wanted:
            changed[name] = wanted
    return changed
