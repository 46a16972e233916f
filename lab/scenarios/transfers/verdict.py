"""What was heard in these calls, by the local recognizer, and what is wrong with a call."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lab.scenarios.transfers.cases import CALLER, INSTEAD, PERSON
from lab.scenarios.transfers.transfer_calls import TransferCall
from lab.stage.stored_call import StoredCall, agent_channel
from simulator.carrier.mulaw import decode
from vocalized.caller.local_speech import Recognize
from vocalized.demo.readback import read_back

# Of the words of a sentence: telephone speech costs one or two.
ENOUGH: Final = 0.7
# Of the five words of the recorded clip, of which it costs up to two: "and stole my fellow american".
_ENOUGH_OF_CLIP: Final = 0.6
# The person's sentence where nobody was connected: words that both sentences have.
TOO_MUCH: Final = 0.4


def find_faults(call: TransferCall, stored: StoredCall, recognize: Recognize) -> list[str]:
    """What is wrong with a call; nothing for a good one."""
    case, row = call.case, call.row
    expected = ("over" if case.failure is None else "failed", case.failure)
    found = None if row is None else (row["status"], row["failure"])
    faults = [] if found == expected else [f"the transfer is {found}, not {expected}"]
    if row is not None and row["brief"]:
        faults.append("the brief is still stored")
    end = (stored.call["status"], stored.call["end_reason"])
    if end != ("completed", case.end_reason):
        faults.append(f"the call ended as {end}, not as {case.end_reason}")
    return faults + _faults_of_sound(call, stored, recognize)


def _faults_of_sound(call: TransferCall, stored: StoredCall, recognize: Recognize) -> list[str]:
    outcome = call.outcome
    if outcome is None or outcome.audio is None:
        return ["the caller's call was not answered"]
    heard, faults = decode(outcome.audio.agent), []
    if call.case.failure is None:
        faults += _missing("the caller did not hear the person", PERSON, heard, recognize)
        person = decode(call.person.heard) if call.person is not None else np.zeros(0, np.int16)
        faults += _missing("the person did not hear the caller", CALLER, person, recognize, _ENOUGH_OF_CLIP)
    else:
        read = read_back(PERSON, heard, recognize)
        if read.share > TOO_MUCH:
            faults.append(f"the caller heard the person: {read.heard}")
    if call.case.failure is not None and not call.case.leaves:
        recorded = agent_channel(stored.recording)
        faults += _missing("the stored recording lacks the agent's words", INSTEAD, recorded, recognize)
    return faults


def _missing(
    fault: str, wanted: str, samples: NDArray[np.int16], recognize: Recognize, enough: float = ENOUGH
) -> list[str]:
    read = read_back(wanted, samples, recognize)
    return [] if read.share >= enough else [f"{fault}: {read.heard or 'nothing'}"]
