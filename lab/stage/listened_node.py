"""A media node on a bus of its own, with tokens of calls and of listeners, for `python -m lab.benchmarks listeners`."""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

import msgspec

from shared.bus.authority import BusAuthority
from shared.bus.client import bus_client
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.tickets import SupervisionGrant, Ticket, Tickets
from shared.ids import new_id
from shared.plan import CallPlan, read_plan
from vocalized.services.valkey import serve_valkey

READY_S: Final = 60.0
# Longer than a run, because all tokens are issued before it.
TTL_S: Final = 3_600


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the node until SIGTERM. Writes the tokens, by call, once they can be used."""
    parser = argparse.ArgumentParser(prog="python -m lab.stage.listened_node", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port of the node")
    parser.add_argument("--plan", type=Path, required=True, help="plan of all calls")
    parser.add_argument("--calls", type=int, required=True, help="how many calls get tokens")
    parser.add_argument("--tokens", type=Path, required=True, help="file for the tokens")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    authority, url = BusAuthority([os.urandom(32)]), f"ws://127.0.0.1:{arguments.port}"
    with TemporaryDirectory(prefix="listened-") as name, serve_valkey(Path(name), durable=False) as valkey:
        settings = {
            "VOCALIZED_REDIS_URL": valkey.url,
            "VOCALIZED_MEDIA_PASS": authority.enrollment.make_credential(url).text,
            "VOCALIZED_MEDIA_PUBLIC_URL": url,
            "VOCALIZED_MEDIA_STATE": str(Path(name) / "media"),
            "VOCALIZED_MEDIA_MAX_LISTENERS": str(2 * arguments.calls + 10),
        }
        command = [sys.executable, "-m", "media", "--port", str(arguments.port)]
        media = subprocess.Popen(command, env={**os.environ, **settings})
        try:
            tokens = asyncio.run(_issue_all(valkey.url, authority, read_plan(arguments.plan), arguments.calls))
            unready = arguments.tokens.with_suffix(".part")
            unready.write_text(json.dumps(tokens))
            unready.rename(arguments.tokens)
            media.wait()
        finally:
            media.terminate()
            media.wait()


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


async def _issue_all(url: str, authority: BusAuthority, plan: CallPlan, calls: int) -> list[dict[str, str]]:
    """Returns for each call the token of its stream and those of two listeners, as control issues them."""
    async with aclosing(bus_client(url, 5.0)) as redis:
        node = await _find_node(NodeRegistry(redis, authority))
        peer, tickets = authority.enrollment.find_peer(node.card), Tickets(redis, None)
        found = []
        for number in range(calls):
            call_id = new_id()
            proof = authority.stream_credentials.issue(call_id, 0, peer.key).text
            own = msgspec.structs.replace(plan, call_id=call_id, workspace_id="bench", stream_credential=proof)
            tokens = {"call": await tickets.issue(Ticket("twilio", f"CA{number:032x}", own), TTL_S, link=peer.link)}
            for name in ("listener", "stuck"):
                grant = SupervisionGrant(f"{name}-{number}", call_id, ("listen",))
                tokens[name] = await tickets.issue_supervision(grant, node.node_id, peer.link, TTL_S)
            found.append(tokens)
        return found


async def _find_node(registry: NodeRegistry) -> NodeState:
    async with asyncio.timeout(READY_S):
        while (node := await registry.choose()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # another process, which gives no signal
    return node


if __name__ == "__main__":
    main()
