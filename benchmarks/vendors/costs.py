"""What each vendor costs our server in processor time: the same calls, one vendor of the usual three exchanged."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.report import make_table
from benchmarks.run import Machine
from benchmarks.server import OURS
from benchmarks.vendors.conversation import BASE, VendorTrio
from benchmarks.vendors.run import VendorBench, VendorLoad, VendorSeries

PAGE = "vendor-costs.md"
RECOGNISERS = (
    *("deepgram flux-general-en", "cartesia ink-2", "elevenlabs", "assemblyai universal-streaming-english"),
    *("azure-speech", "google-speech", "soniox", "xai"),
)
MODELS = ("anthropic", "google")
VOICES = ("deepgram", "elevenlabs", "azure-speech", "google-speech", "soniox")
_TEXT = """Written by `python -m benchmarks vendors --vendors all`. Our media server on a core of its own, vendors
simulated over TLS on another, calls as in [performance.md](performance.md#with-vendors-over-tls). The
first row is Deepgram (Nova), OpenAI and Cartesia (Sonic); in each other row one of them is exchanged.
*CPU* is of the whole server, per call and second; *more* is against the first row. Google's speech streams
by gRPC, whose library has threads of its own. A load in bold is void: the machine was too busy, or turns were
not answered."""


def trios() -> Iterator[tuple[str, VendorTrio]]:
    """Each with what is exchanged in it; the usual three first."""
    yield "usual three", BASE
    yield from ((f"recogniser {one}", VendorTrio(stt=one)) for one in RECOGNISERS)
    yield from ((f"model {one}", VendorTrio(llm=one)) for one in MODELS)
    yield from ((f"voice {one}", VendorTrio(tts=one)) for one in VOICES)


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
