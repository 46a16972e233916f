"""`vocalized call` and `answer`: run one call with the turns of the command line and print the outcome."""

import asyncio
import re
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.carrier.audio_clip import ClipError
from simulator.carrier.caller import Caller
from simulator.carrier.clock import Clock
from simulator.carrier.media_call import BadUrl, CannotConnect, check_url
from simulator.carrier.media_stream import Party
from simulator.carrier.prepared_turn import PreparedTurn, Voice, prepare_turns
from simulator.carrier.script import AfterAgent, Ending, Play, Say, Script, Turn
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import FinishedCall
from vocalized.caller.local_speech import load_voice
from vocalized.caller.media_call import call_media_server
from vocalized.caller.microphone import MicrophoneCaller, MicrophoneError, open_sound_device
from vocalized.caller.number_call import answer_number, call_number
from vocalized.caller.refusal import CallUnanswered, platform_refusal
from vocalized.caller.result import call_result, failed_result, to_json
from vocalized.caller.voice import CallerVoice, VoiceError
from vocalized.stack.addresses import Addresses, StackNotRunning, read_addresses

# Runs a call of this party to its end.
Dial = Callable[[Party], Coroutine[Any, Any, FinishedCall]]

# How long the caller waits for a greeting: an agent with an empty greeting waits for the caller.
FIRST_TURN = AfterAgent(patience_ms=4_000)
LATER_TURN = AfterAgent(quiet_ms=800)


class UsageError(ValueError):
    """A flag cannot be used as given."""

    def __init__(self, flag: str, reason: str) -> None:
        super().__init__(f"{flag}: {reason}")
        self.flag = flag
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The command line; `turns` are ("audio", file) and ("say", text) in order.

    One of media: a stand-alone media server's socket, waited for `start_s` while it starts; to: a number of the
    platform that runs on `state`; answer: a number of its simulated network, at which a call is awaited for `wait_s`;
    `agent` places a test call to it.
    """

    media: str = ""
    turns: Sequence[tuple[str, str]] = ()
    mic: bool = False
    record: Path | None = None
    as_json: bool = False
    limit_s: float = 600.0
    to: str = ""
    state: Path = Path("var/up")
    answer: str = ""
    wait_s: float = 600.0
    agent: str = ""
    start_s: float = 60.0  # it loads models before it listens: 7 to 20 s on two cores


async def run_call(
    options: CallOptions,
    printer: CallPrinter,
    *,
    voice: Voice | None = None,
    pace: Clock | None = None,
    patience_s: float = 5.0,
) -> int:
    """Runs the call; returns the exit code, 0 when it was completed. Raises UsageError before dialing."""
    _check(options)
    flag = "NUMBER" if options.answer else "--to" if options.to else "--media"
    try:
        dial = _dial(options, printer, pace, patience_s)
        if options.mic:
            call = await _talk(dial, printer)
        else:
            call = await _perform(options, dial, printer, voice or CallerVoice(load_voice))
    except (CannotConnect, StackNotRunning) as error:
        return _failed(options, printer, f"{flag}: {error}")
    except CallUnanswered as unanswered:
        return _failed(options, printer, f"{flag}: {unanswered}", unanswered.status)
    return _finish(options, printer, call)


def _failed(options: CallOptions, printer: CallPrinter, why: str, reason: str = "") -> int:
    printer.error(why)
    if options.as_json:
        print(to_json(failed_result(reason)))
    return 1


def _dial(options: CallOptions, printer: CallPrinter, pace: Clock | None, patience_s: float) -> Dial:
    """The function that runs the call. Raises StackNotRunning."""
    if options.media:
        return lambda party: call_media_server(
            options.media,
            party,
            printer,
            pace=pace,
            limit_s=options.limit_s,
            patience_s=patience_s,
            start_s=options.start_s,
        )
    addresses = _simulated_network(options)
    if options.answer:
        return lambda party: answer_number(
            addresses,
            options.answer,
            party,
            printer,
            wait_s=options.wait_s,
            limit_s=options.limit_s,
            agent=options.agent,
        )
    return lambda party: call_number(addresses, options.to, party, printer, limit_s=options.limit_s)


def _simulated_network(options: CallOptions) -> Addresses:
    addresses = read_addresses(options.state)
    if not addresses.carrier:
        raise StackNotRunning("the running platform has real carriers only: phone the number with a real phone")
    return addresses


def _check(options: CallOptions) -> None:
    if not options.answer and bool(options.to) == bool(options.media):
        raise UsageError("--to", "give either --to or --media")
    for flag, number in (("--to", options.to), ("NUMBER", options.answer)):
        if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
            raise UsageError(flag, f"{number!r} is no number like +14155550199")
    try:
        if options.media:
            check_url(options.media)
    except BadUrl as error:
        raise UsageError("--media", str(error)) from error
    if options.mic == bool(options.turns):
        raise UsageError("--mic", "give either --mic or at least one --audio or --say")
    if options.record is not None and options.record.is_dir():
        raise UsageError("--record", f"{options.record} is a folder")


async def _perform(options: CallOptions, dial: Dial, printer: CallPrinter, voice: Voice) -> FinishedCall:
    caller = Caller(await _prepare(options.turns, voice), Ending())
    call = await dial(caller)
    printer.timings(call.record, caller.reports)
    printer.costs(call.costs)
    if not caller.done:
        printer.warning("the call ended before the caller's last turn")
    return call


async def _prepare(turns: Sequence[tuple[str, str]], voice: Voice) -> list[PreparedTurn]:
    """Prepares each turn by itself, so that an error can name its flag."""
    prepared: list[PreparedTurn] = []
    for kind, value in turns:
        act = Play(Path(value)) if kind == "audio" else Say(value)
        try:
            prepared += await prepare_turns(Script((Turn(act, LATER_TURN if prepared else FIRST_TURN),)), voice)
        except (ClipError, VoiceError) as error:
            raise UsageError(f"--{kind}", str(error)) from error
    return prepared


async def _talk(dial: Dial, printer: CallPrinter) -> FinishedCall:
    try:
        caller = MicrophoneCaller(open_sound_device)
    except MicrophoneError as error:
        raise UsageError("--mic", str(error)) from error
    dialing = asyncio.create_task(dial(caller))

    def stop() -> None:
        if caller.is_talking:
            caller.hang_up()
        else:
            dialing.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    printer.info("speak; Ctrl-C hangs up")
    try:
        await asyncio.wait({dialing})
        if dialing.cancelled():
            raise CallUnanswered("stopped before the call began")
        return dialing.result()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        dialing.cancel()
        await asyncio.wait({dialing})
        caller.close()


def _finish(options: CallOptions, printer: CallPrinter, call: FinishedCall) -> int:
    record = call.record
    written = _write_recording(options.record, printer, call)
    result = call_result(record, call.transcript, written or call.recording_url or None)
    ended = call.transcript.ended
    if ended is not None and not ended.duration_ms and ended.detail and not result.completed:
        printer.error(f"the call was not answered: {platform_refusal(ended.detail)}")
    elif not result.completed:
        reason = result.end_reason.replace("_", " ")
        code = f"; the socket closed with {record.end.code} {record.end.detail}" if record.end.code else ""
        printer.error(f"the call {result.status} ({reason}){code}")
    if options.as_json:
        print(to_json(result))
    return 0 if result.completed and (written or not options.record) else 1


def _write_recording(path: Path | None, printer: CallPrinter, call: FinishedCall) -> str | None:
    if path is None:
        return None
    try:
        call.record.audio.write_wav(path)
    except OSError as error:
        printer.error(f"--record: {path}: {error.strerror}")
        return None
    printer.info(f"recording: {path}")
    return str(path)
