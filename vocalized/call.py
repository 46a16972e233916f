"""`vocalized call`: turns from the command line, one call, the outcome."""

import asyncio
import re
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.carrier.caller import Caller
from simulator.carrier.clip import ClipError
from simulator.carrier.dial import BadUrl, CannotConnect, check_url
from simulator.carrier.handset import Refused
from simulator.carrier.pace import Pace
from simulator.carrier.prepare import Performance, Voice, prepare
from simulator.carrier.script import AfterAgent, Ending, Play, Say, Script, Turn
from simulator.carrier.stream import Party
from vocalized.addresses import Addresses, NotRunning, read_addresses
from vocalized.local import load_voice
from vocalized.mic import MicCaller, MicError, open_sound_device
from vocalized.phone import Conversation, place
from vocalized.result import call_result, failed_result, to_json
from vocalized.ring import ring
from vocalized.show import Show
from vocalized.voice import CallerVoice, VoiceError

# Carries a call of this party to its end.
Line = Callable[[Party], Coroutine[Any, Any, Conversation]]

# An agent with an empty greeting waits for the caller; so long does the caller wait for a greeting.
FIRST_TURN = AfterAgent(patience_ms=4_000)
LATER_TURN = AfterAgent(quiet_ms=800)


class UsageFault(ValueError):
    """A flag cannot be used as given."""

    def __init__(self, flag: str, reason: str) -> None:
        super().__init__(f"{flag}: {reason}")
        self.flag = flag
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What was asked for; `turns` are ("audio", file) and ("say", text) in order.

    media: a lone media server's socket; or to: a number of the platform that runs on `state`.
    """

    media: str = ""
    turns: Sequence[tuple[str, str]] = ()
    mic: bool = False
    record: Path | None = None
    as_json: bool = False
    limit_s: float = 600.0
    to: str = ""
    state: Path = Path("var/up")


async def run_call(
    options: CallOptions, show: Show, *, voice: Voice | None = None, pace: Pace | None = None, patience_s: float = 5.0
) -> int:
    """Places the call; returns the exit code: 0 when it was completed. Raises UsageFault before anything is dialled."""
    _check(options)
    flag = "--to" if options.to else "--media"
    try:
        line = _line(options, show, pace, patience_s)
        if options.mic:
            conversation = await _talk(line, show)
        else:
            conversation = await _perform(options, line, show, voice or CallerVoice(load_voice))
    except (CannotConnect, NotRunning) as error:
        return _failed(options, show, f"{flag}: {error}")
    except Refused as refused:
        return _failed(options, show, f"--to: {_refusal(refused.reason)}", refused.reason)
    return _finish(options, show, conversation)


def _failed(options: CallOptions, show: Show, why: str, reason: str = "") -> int:
    show.error(why)
    if options.as_json:
        print(to_json(failed_result(reason)))
    return 1


def _refusal(reason: str) -> str:
    known = {"unknown_number": "nobody has this number: `up` tells those that it bought"}
    return known.get(reason, f"the call was not answered: {reason.replace('_', ' ')}")


def _line(options: CallOptions, show: Show, pace: Pace | None, patience_s: float) -> Line:
    """Raises NotRunning."""
    if not options.to:
        return lambda party: place(
            options.media, party, show, pace=pace, limit_s=options.limit_s, patience_s=patience_s
        )
    addresses = _network(options)
    return lambda party: ring(addresses, options.to, party, show, limit_s=options.limit_s)


def _network(options: CallOptions) -> Addresses:
    addresses = read_addresses(options.state)
    if not addresses.carrier:
        raise NotRunning("the running platform has real carriers only: phone the number with a real phone")
    return addresses


def _check(options: CallOptions) -> None:
    if bool(options.to) == bool(options.media):
        raise UsageFault("--to", "give either --to or --media")
    if options.to and not re.fullmatch(r"\+[1-9]\d{6,14}", options.to):
        raise UsageFault("--to", f"{options.to!r} is no number like +14155550199")
    try:
        if options.media:
            check_url(options.media)
    except BadUrl as error:
        raise UsageFault("--media", str(error)) from error
    if options.mic == bool(options.turns):
        raise UsageFault("--mic", "give either --mic or at least one --audio or --say")
    if options.record is not None and options.record.is_dir():
        raise UsageFault("--record", f"{options.record} is a folder")


async def _perform(options: CallOptions, line: Line, show: Show, voice: Voice) -> Conversation:
    caller = Caller(await _prepared(options.turns, voice), Ending())
    conversation = await line(caller)
    show.perceived(conversation.record, caller.reports)
    if not caller.done:
        show.warn("the call ended before the caller's last turn")
    return conversation


async def _prepared(turns: Sequence[tuple[str, str]], voice: Voice) -> list[Performance]:
    """Each turn by itself, so that a fault can name its flag."""
    made: list[Performance] = []
    for kind, value in turns:
        act = Play(Path(value)) if kind == "audio" else Say(value)
        try:
            made += await prepare(Script((Turn(act, LATER_TURN if made else FIRST_TURN),)), voice)
        except (ClipError, VoiceError) as error:
            raise UsageFault(f"--{kind}", str(error)) from error
    return made


async def _talk(line: Line, show: Show) -> Conversation:
    try:
        caller = MicCaller(open_sound_device)
    except MicError as error:
        raise UsageFault("--mic", str(error)) from error
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, caller.hang_up)
    show.note("speak; Ctrl-C hangs up")
    try:
        return await line(caller)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        caller.close()


def _finish(options: CallOptions, show: Show, conversation: Conversation) -> int:
    record = conversation.record
    written = _written(options.record, show, conversation)
    result = call_result(record, conversation.transcript, written or conversation.recording_url or None)
    if not result.completed:
        reason = result.end_reason.replace("_", " ")
        code = f"; the socket closed with {record.end.code} {record.end.detail}" if record.end.code else ""
        show.error(f"the call {result.status} ({reason}){code}")
    if options.as_json:
        print(to_json(result))
    return 0 if result.completed and (written or not options.record) else 1


def _written(path: Path | None, show: Show, conversation: Conversation) -> str | None:
    if path is None:
        return None
    try:
        conversation.record.legs.write_wav(path)
    except OSError as error:
        show.error(f"--record: {path}: {error.strerror}")
        return None
    show.note(f"recording: {path}")
    return str(path)
