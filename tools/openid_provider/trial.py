"""Tries our client of OpenID Connect at panva's certified provider, by each algorithm, as a browser does.

cd FOLDER && npm install oidc-provider@8 && cp …/tools/openid_provider/server.mjs .
python -m tools.openid_provider.trial FOLDER
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from control.integrations.vendor_http import VendorHttp
from control.sso.openid import ClientAccount, NewSignIn, OpenIdClient, SignInRefused, make_authorize_url
from shared.egress import EgressGuard

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
REDIRECT_URI: Final = "https://app.example.com/sso/callback"
PERSON: Final = "ada@acme.example"
FIRST_PORT: Final = 9510
MOST_PAGES: Final = 12


async def main(folder: Path) -> None:
    """Prints who signed in, and what a second use of the code is answered with."""
    for number, algorithm in enumerate(ALGORITHMS):
        port = str(FIRST_PORT + number)
        command = ("node", "server.mjs", port, REDIRECT_URI, algorithm)
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            await process.stdout.readuntil(b"ready")
            await try_provider(f"http://127.0.0.1:{port}", algorithm)
        finally:
            process.terminate()
            await process.wait()


async def try_provider(issuer: str, algorithm: str) -> None:
    client, sign_in = OpenIdClient(VendorHttp(EgressGuard(["127.0.0.0/8"]), 8.0)), NewSignIn()
    account = ClientAccount("vocalized", "secret", REDIRECT_URI)
    metadata = await client.discover(issuer, "")
    query = await browse(make_authorize_url(metadata, account, sign_in, PERSON))
    assert (query["state"], query["iss"]) == (sign_in.state, issuer)
    print(algorithm, await client.complete(metadata, account, query["code"], sign_in, ""))
    try:
        await client.complete(metadata, account, query["code"], sign_in, "")
    except SignInRefused as refused:
        print("  the same code again:", refused)


async def browse(url: str) -> dict[str, str]:
    """Follows redirects and sends the provider's forms; returns the query that it comes back with."""
    async with httpx.AsyncClient(timeout=20) as browser:
        page = await browser.get(url)
        for _ in range(MOST_PAGES):
            if page.is_redirect:
                target = urljoin(str(page.request.url), page.headers["Location"])
                if target.startswith(REDIRECT_URI):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                page = await browser.get(target)
                continue
            action = re.search(r'action="([^"]+)"', page.text)
            assert action is not None, page.text
            form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
            form |= {"login": PERSON, "password": "any"} if 'name="login"' in page.text else {}
            page = await browser.post(urljoin(str(page.request.url), action[1]), data=form)
    raise AssertionError("the provider did not come back")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
