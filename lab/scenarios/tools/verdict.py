"""What a call's recording and record say, and what is wrong with the call."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lab.scenarios.tools.cases import COLLEAGUE
from lab.scenarios.tools.tool_calls import REPLY_S, CallWithTools
from lab.stage.stored_call import StoredCall, agent_channel, caller_channel
from vocalized.caller.local_speech import RATE, Recognize
from vocalized.demo.readback import read_back, utterances

# 20 ms at or above this RMS sound; speech is 20 dB above it.
AUDIBLE: Final = 130.0
# Of the caller's words: telephone speech costs one or two of a sentence.
ENOUGH: Final = 0.7
_BLOCK: Final = RATE // 50


def find_faults(call: CallWithTools, stored: StoredCall, recognize: Recognize) -> list[str]:
    """What is wrong with a call; nothing for a good one."""
    faults = _faults_of_record(call, stored)
    words = recognized_words(agent_channel(stored.recording), recognize)
    case = call.case
    faults += [f"{pattern} is not in: {words}" for pattern in case.heard if not re.search(pattern, words)]
    faults += [f"{pattern} is in: {words}" for pattern in case.unheard if re.search(pattern, words)]
    said = read_back(" ".join(case.said), caller_channel(stored.recording), recognize)
    if said.share < ENOUGH:
        faults.append(f"the caller's words are not in: {said.heard}")
    silence_s = longest_silence_s(stored.recording)
    if silence_s is None:
        return [*faults, "the recording has no answer"]
    return faults if silence_s <= REPLY_S else [*faults, f"a silence of {silence_s:.1f} s"]


def _faults_of_record(call: CallWithTools, stored: StoredCall) -> list[str]:
    case, faults = call.case, list[str]()
    end = (stored.call["status"], stored.call["end_reason"])
    if end != ("completed", case.end_reason) or call.party is None or not call.party.has_said_all:
        faults.append(f"the call ended as {end}")
    if case.end_reason == "transferred" and stored.call["transferred_to"] != COLLEAGUE:
        faults.append(f"transferred to {stored.call['transferred_to']}")
    ran = tuple((one["name"], one["ok"]) for one in stored.events_of("tool.ran"))
    if case.ran and ran != case.ran:
        faults.append(f"the tools' runs are {ran}")
    if not case.ran and {name for name, _ in ran} != {"search_knowledge"}:
        faults.append(f"the tools' runs are {ran}")
    cited = tuple(
        dict.fromkeys(citation["document"] for turn in stored.call["turns"] for citation in turn["citations"])
    )
    if cited != case.cited:
        faults.append(f"the record cites {cited}")
    if case.booked is not None and call.booked != case.booked:
        faults.append(f"the vendor's events are at {call.booked}")
    return faults


def recognized_words(samples: NDArray[np.int16], recognize: Recognize) -> str:
    """The text of a channel (16 bits at 8 kHz) as the recognizer hears it, in small letters."""
    return " ".join(filter(None, (recognize(piece.astype("<i2").tobytes()) for piece in utterances(samples)))).lower()


def longest_silence_s(recording: bytes | None) -> float | None:
    """The longest time in which neither side is heard, from the caller's first sound to the agent's last one; None
    without an answer of the agent after the caller's first sound."""
    caller, agent = _audible(caller_channel(recording)), _audible(agent_channel(recording))
    if not caller.any() or not agent[int(np.argmax(caller)) :].any():
        return None
    first, last = int(np.argmax(caller)), int(np.flatnonzero(agent)[-1])
    sounds = np.flatnonzero((caller | agent)[first : last + 1])
    return float(np.diff(sounds).max(initial=1) - 1) * _BLOCK / RATE


def _audible(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Of each 20 ms, whether it sounds."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].astype(np.float64).reshape(-1, _BLOCK)
    return np.asarray(np.sqrt(np.square(blocks).mean(axis=1)) >= AUDIBLE)
