"""The doctor tries a model that thinks before its first word."""

from pathlib import Path

from control.voice.accounts import ProviderAccount
from media.command import VENDORS
from media.providers.vendor import VendorResources
from media.providers.warm_http import make_session
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from tests.control.agents.strategies import offer
from vendors.google.simulator import GeminiVendor
from vocalized.doctor.provider_requests import MAX_TOKENS
from vocalized.doctor.provider_trials import TrialOptions, try_accounts


async def test_thoughts_leave_room_for_a_word(tmp_path: Path) -> None:
    certificate, vendor = make_certificate(tmp_path), GeminiVendor(thoughts=2 * MAX_TOKENS)
    async with running_vendor(vendor.routes(), certificate) as address, make_session() as http:
        resources = VendorResources(http)
        resources.tls.load_verify_locations(certificate.authority)
        options = {"model": "gemini-3.8-flash", "base_url": f"https://{address}"}
        provider = offer("my-google", kinds=["llm"], config={"vendor": "google", "llm": options})
        account = ProviderAccount(provider, vendor.state.key)
        (trial,) = await try_accounts([account], VENDORS, resources, TrialOptions(b"", timeout_s=5.0))
        await resources.close()
    assert trial.reason == ""
    assert sum(used.quantity for used in trial.used if used.unit == "completion_tokens") > MAX_TOKENS
