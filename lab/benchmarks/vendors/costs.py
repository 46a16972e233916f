"""What each vendor costs our server in processor time: the same calls, one vendor of the usual three exchanged."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lab.benchmarks.report import make_table
from lab.benchmarks.run import Machine
from lab.benchmarks.server import OURS
from lab.benchmarks.vendors.conversation import BASE, VendorTrio
from lab.benchmarks.vendors.run import VendorBench, VendorLoad, VendorSeries

PAGE = "vendor-costs.md"
_VENDORS: Final = Path(__file__).resolve().parents[3] / "vendors"
_NAMES: Final[dict[str, str]] = {"stt": "recognizer", "llm": "model", "tts": "voice"}
# Rows in addition to that of each vendor's usual model.
_FURTHER: Final[dict[str, tuple[str, ...]]] = {
    "stt": ("deepgram flux-general-en", "assemblyai universal-streaming-english"),
    "llm": (),
    "tts": (),
}
_TEXT = """Written by `python -m lab.benchmarks vendors --vendors all`. Our media server on a core of its own, vendors
simulated over TLS on another, calls as in [performance.md](performance.md#with-vendors-over-tls). The
first row is Deepgram (Nova), OpenAI and Cartesia (Sonic); in each other row one of them is exchanged.
*CPU* is of the whole server, per call and second; *more* is against the first row. Google's speech streams
by gRPC, whose library has threads of its own. A load in bold is void: the machine was too busy, or turns were
not answered."""


def trios() -> Iterator[tuple[str, VendorTrio]]:
    """Each with what is exchanged in it; the usual three first."""
    yield "usual three", BASE
    for kind, label in _NAMES.items():
        usual = getattr(BASE, kind).partition(" ")[0]
        others = (name for name, kinds in _read_vendors().items() if kind in kinds and name != usual)
        for exchanged in (*_FURTHER[kind], *others):
            yield f"{label} {exchanged}", msgspec.structs.replace(BASE, **{kind: exchanged})


def _read_vendors() -> dict[str, frozenset[str]]:
    """Return the kinds of each vendor that takes a key.

    They are read from the shipped provider files, because benchmarks may not import the server that they measure.
    """
    vendors: dict[str, frozenset[str]] = {}
    for path in sorted(_VENDORS.glob("*/providers.json")):
        keyed = [provider for provider in json.loads(path.read_text()) if provider["needs_key"]]
        vendors[path.parent.name.replace("_", "-")] = frozenset(
            kind for provider in keyed for kind in provider["kinds"]
        )
    return vendors


def measure(bench: VendorBench, calls: int, seconds: float) -> list[tuple[str, VendorLoad]]:
    """A load for each. Raises server.NotReady."""
    return [(what, bench.load(VendorSeries(OURS, (calls,), seconds, trio=trio), calls)) for what, trio in trios()]


def write(machine: Machine, loads: Sequence[tuple[str, VendorLoad]], folder: Path) -> Path:
    """Writes the page; returns its path."""
    head = f"{machine.date} · {machine.processor}, {machine.cores} cores · {machine.system} · Python {machine.python}"
    usual = _cpu_ms(loads[0][1])
    rows = [_row(what, one, usual) for what, one in loads]
    heading = ["exchanged", "calls", "CPU ms", "more", "answer p50", "p95", "unanswered", "underruns", "lost"]
    path = folder / PAGE
    path.write_text("\n\n".join(["# What each vendor costs in CPU", _TEXT, head, make_table(heading, rows)]) + "\n")
    return path


def _cpu_ms(one: VendorLoad) -> float:
    return one.load.server.cpu_ms if one.load.server else 0.0


def _row(what: str, one: VendorLoad, usual_ms: float) -> list[str]:
    load = one.load
    cpu = f"**{_cpu_ms(one):.2f}**" if one.void or load.unanswered else f"{_cpu_ms(one):.2f}"
    lost = load.lost + load.refused + load.errors
    return [
        *(what, str(load.calls), cpu, f"{_cpu_ms(one) - usual_ms:+.2f}", f"{load.latency.p50:.0f}"),
        *(
            f"{load.latency.p95:.0f}",
            str(load.unanswered),
            str(load.underruns),
            str(lost),
        ),
    ]
