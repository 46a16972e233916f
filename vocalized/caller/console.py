"""Prints a call as it runs: what both sides say, the parts of the latency, and the caller side's measurements."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.events import (
    AgentSaid,
    AnnouncementHeard,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    CallNudged,
    DigitPressed,
    DigitsSent,
    EventEnvelope,
    LanguageSwitched,
    PersonSaid,
    ProviderFailed,
    RecordingIncomplete,
    RecordingRefused,
    ToolRan,
    TurnInterrupted,
    TurnLatency,
    TurnResumed,
)
from simulator.carrier.caller import TurnReport
from simulator.carrier.media_call import CompletedCall
from vocalized.caller.call_costs import ProviderCost

_SPLIT = (
    ("end of turn", "endpoint_ms"),
    ("recogniser", "stt_ms"),
    ("first word", "llm_first_token_ms"),
    ("first audio", "tts_first_byte_ms"),
    ("until it sounded", "playback_ms"),
)


class CallPrinter:
    """Prints to one console: stdout, or stderr when stdout carries JSON."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def info(self, text: str) -> None:
        """A remark beside the transcript."""
        self._print(Text(text, style="dim"))

    def warning(self, text: str) -> None:
        """A problem that does not end the call."""
        self._print(Text(f"warning: {text}", style="yellow"))

    def error(self, text: str) -> None:
        """Why the command failed."""
        self._print(Text(f"error: {text}", style="bold red"))

    def event(self, envelope: EventEnvelope) -> None:
        """One event of the call."""
        line = line_of(envelope)
        if line is not None:
            self._print(line)

    def timings(self, record: CompletedCall, reports: Sequence[TurnReport]) -> None:
        """What the caller's side measured."""
        if any(report.latency_ms is not None for report in reports):
            self.console.print(_timings_table(reports))
        for fault in record.faults[:5]:
            self.warning(f"the server broke the carrier's protocol at {fault.at_ms / 1_000:.1f} s: {fault.detail}")

    def costs(self, costs: Sequence[ProviderCost]) -> None:
        """What the providers cost, in one line; nothing if they cost nothing."""
        if costs:
            parts = ", ".join(f"{cost.provider} {cost.role} ${cost.cost:.4f}" for cost in costs)
            self._print(Text(f"the platform pays {parts}: ${sum(cost.cost for cost in costs):.4f} in all", style="dim"))

    def _print(self, text: Text) -> None:
        """Lines are not wrapped: a terminal does that itself, and a path in a file must stay in one piece."""
        self.console.print(text, soft_wrap=True)


def line_of(envelope: EventEnvelope) -> Text | None:  # noqa: C901, PLR0911, PLR0912
    """An event as a line; None for events without one."""
    match envelope.event:
        case CallerSaid(text=text, start_ms=start_ms):
            return _speech(start_ms, "caller", "cyan", text)
        case AgentSaid() as said:
            return _agent(said)
        case PersonSaid(text=text, start_ms=start_ms):
            return _speech(start_ms, "person", "magenta", text or "(speech without a transcript)")
        case TurnLatency() as latency:
            return _latency(latency)
        case TurnInterrupted(cleared_ms=cleared, speech_ms=speech):
            after = f": cut {cleared - speech} ms after the caller began to speak" if cleared >= speech else ""
            return _remark(f"interrupted{after}")
        case TurnResumed():
            return _remark("no interruption: the agent continues")
        case CallNudged():
            return _remark("silence: the agent asks")
        case DigitPressed(digit=digit):
            return _remark(f"key {digit or '(secret)'}")
        case DigitsSent(digits=digits):
            return _remark(f"the agent presses {digits or '(secret)'}")
        case AnnouncementHeard(kind=kind):
            return _remark(f"announcement of the {kind} heard to its end")
        case RecordingRefused():
            return _remark("the caller refuses to be recorded")
        case CallerOptedOut():
            return _remark("the caller asks not to be called again")
        case LanguageSwitched(language=language):
            return _remark(f"the call goes on in {language}")
        case RecordingIncomplete(lost_ms=lost_ms):
            return _remark(f"the disk did not take {lost_ms / 1_000:.1f} s of the recording", "yellow")
        case ToolRan(name=name, ok=ok, took_ms=took_ms):
            return _remark(f"tool {name}: {'done' if ok else 'failed'} in {took_ms} ms")
        case ProviderFailed(kind=kind, provider=provider, reason=reason, next=following):
            return _remark(f"{kind} {provider} failed ({reason}); {following or 'nobody'} takes over", "yellow")
        case CallEnded(status=status, end_reason=reason, duration_ms=duration_ms):
            return _remark(f"{status} ({reason.replace('_', ' ')}) after {duration_ms / 1_000:.1f} s")
    return None


def _speech(start_ms: int, who: str, style: str, text: str) -> Text:
    return Text.assemble((f"{start_ms / 1_000:7.1f} s  ", "dim"), (f"{who:6}  ", f"bold {style}"), (text, style))


def _agent(said: AgentSaid) -> Text:
    line = _speech(said.start_ms, "agent", "green", said.text)
    unheard = said.planned.removeprefix(said.text).strip() if said.interrupted else ""
    if said.interrupted:
        line.append(" — ", "bold red")
        line.append(unheard, "dim strike")
    return line


def _latency(latency: TurnLatency) -> Text:
    parts = " + ".join(f"{getattr(latency, name):,} {what}" for what, name in _SPLIT)
    waited_for = f" ({latency.waited_for})" if latency.waited_for else ""
    return _remark(f"answered after {latency.total_ms:,} ms{waited_for} = {parts}")


def _remark(text: str, style: str = "dim") -> Text:
    return Text(f"{'':19}{text}", style=style)


def _timings_table(reports: Sequence[TurnReport]) -> Table:
    table = Table(title="as the caller perceived it", title_justify="left", title_style="dim", box=None)
    table.add_column("turn")
    table.add_column("answer after", justify="right")
    table.add_column("agent cut after", justify="right")
    for report in reports:
        label = report.label if len(report.label) <= 60 else f"…{report.label[-59:]}"
        table.add_row(Text(label), _ms(report.latency_ms), _ms(report.barge_in_ms))
    return table


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"
