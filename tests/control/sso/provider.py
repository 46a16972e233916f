"""A provider of OpenID Connect that others wrote (oidc-provider-mock, on Authlib), in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from aiohttp import ClientSession

from vocalized.free_port import free_port


@dataclass(frozen=True, slots=True)
class Provider:
    """issuer: its address, too."""

    issuer: str
    client: ClientSession

    async def add_person(self, subject: str, **claims: object) -> None:
        """A person who can sign in."""
        async with self.client.put(f"{self.issuer}/users/{subject}", json=claims) as response:
            assert response.status == 204

    async def sign_in(self, authorize_url: str, subject: str) -> dict[str, str]:
        """What the browser comes back with after this person signed in, as the portal reads it off the address."""
        async with self.client.post(authorize_url, data={"sub": subject}, allow_redirects=False) as response:
            assert response.status == 302, await response.text()
            address = urlsplit(response.headers["Location"])
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        return query | {"callback_id": address.path.rpartition("/")[2]}


@contextmanager
def running_provider() -> Iterator[str]:
    """Its issuer, on a free port."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--require-nonce", "true"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/jwks", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None, "the provider did not start"
        try:
            with urlopen(url, timeout=5) as response:
                assert response.status == 200
                return
        except (URLError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError("the provider is not ready")
