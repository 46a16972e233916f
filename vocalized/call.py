"""`vocalized call`: turns from the command line, one call, the outcome."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.carrier.caller import Caller
from simulator.carrier.clip import ClipError
from simulator.carrier.dial import BadUrl, CannotConnect, check_url
from simulator.carrier.pace import Pace
from simulator.carrier.prepare import Performance, Voice, prepare
from simulator.carrier.script import AfterAgent, Ending, Play, Say, Script, Turn
from simulator.carrier.stream import Party
from vocalized.local import load_voice
from vocalized.mic import MicCaller, MicError, open_sound_device
from vocalized.phone import Conversation, place
from vocalized.result import call_result, failed_result, to_json
from vocalized.show import Show
from vocalized.voice import CallerVoice, VoiceError

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
    """What was asked for; `turns` are ("audio", file) and ("say", text) in order."""

    media: str
    turns: Sequence[tuple[str, str]] = ()
    mic: bool = False
    record: Path | None = None
    as_json: bool = False
    limit_s: float = 600.0


async def run_call(
    options: CallOptions, show: Show, *, voice: Voice | None = None, pace: Pace | None = None, patience_s: float = 5.0
) -> int:
    """Places the call; returns the exit code: 0 when it was completed. Raises UsageFault before anything is dialled."""
    _check(options)
    try:
        if options.mic:
            conversation = await _talk(options, show, patience_s)
        else:
            conversation = await _perform(options, show, voice or CallerVoice(load_voice), pace, patience_s)
    except CannotConnect as error:
        show.error(f"--media: {error}")
        if options.as_json:
            print(to_json(failed_result()))
        return 1
    return _finish(options, show, conversation)


def _check(options: CallOptions) -> None:
    try:
        check_url(options.media)
    except BadUrl as error:
        raise UsageFault("--media", str(error)) from error
    if options.mic == bool(options.turns):
        raise UsageFault("--mic", "give either --mic or at least one --audio or --say")
    if options.record is not None and options.record.is_dir():
        raise UsageFault("--record", f"{options.record} is a folder")


async def _perform(
    options: CallOptions, show: Show, voice: Voice, pace: Pace | None, patience_s: float
) -> Conversation:
    caller = Caller(await _prepared(options.turns, voice), Ending())
    conversation = await place(options.media, caller, show, pace=pace, limit_s=options.limit_s, patience_s=patience_s)
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


async def _talk(options: CallOptions, show: Show, patience_s: float) -> Conversation:
    try:
        caller = MicCaller(open_sound_device)
    except MicError as error:
        raise UsageFault("--mic", str(error)) from error
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, caller.hang_up)
    show.note("speak; Ctrl-C hangs up")
    try:
        party: Party = caller
        return await place(options.media, party, show, limit_s=options.limit_s, patience_s=patience_s)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        caller.close()


def _finish(options: CallOptions, show: Show, conversation: Conversation) -> int:
    record = conversation.record
    written = _written(options.record, show, conversation)
    result = call_result(record, conversation.transcript, written)
    if not result.completed:
        reason = result.end_reason.replace("_", " ")
        show.error(f"the call {result.status} ({reason}); the socket closed with {record.end.code} {record.end.detail}")
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
