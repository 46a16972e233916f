"""Control's services for tests without an API, made by control.services."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from control.accounts.passwords import Passwords
from control.accounts.rules import HashPolicy
from control.agents.rules import AgentPolicy
from control.calls.live.service import MediaAssignment
from control.carriers.pacer import CallPacer
from control.carriers.service import CarrierOptions, Carriers
from control.http.services import Services
from control.outside import OutsideClients, OutsideOptions
from control.services import Policies, make_services
from shared.bus.client import bus_client
from shared.secrets import Sealer
from shared.storage import Storage
from tests.platform.trust import trusting

KEY = bytes(range(32))
# argon2's minimum: a test signs many users up.
CHEAP_HASHING = HashPolicy(time_cost=1, memory_kib=8, parallelism=1)


@contextmanager
def offline_services(folder: Path, policies: Policies | None = None) -> Iterator[Services]:
    """The services with a folder for recordings; the bus is not reachable and no carrier is configured."""
    policies = policies or Policies(links="https://app.example.com", hashing=CHEAP_HASHING, agents=AgentPolicy())
    with closing(Passwords(policies.hashing)) as passwords:
        yield make_services(Sealer([KEY]), policies, passwords, offline_clients(folder))


def offline_clients(folder: Path) -> OutsideClients:
    """Clients of other systems: an unreachable bus, no carrier, a folder for recordings."""
    bus = bus_client("redis://127.0.0.1:9", 1.0)
    authority, storage = trusting([KEY]), Storage(folder.as_uri())
    return OutsideClients(bus, authority, MediaAssignment(bus, authority), Carriers({}), storage, CallPacer(bus, {}))


def worker_outside(valkey_url: str, folder: Path) -> OutsideOptions:
    """A worker's options for other systems: Valkey, no carrier, a folder for recordings."""
    return OutsideOptions(valkey_url, folder.as_uri(), CarrierOptions("http://127.0.0.1"))
