"""The tool `transfer` in the plan of an agent whose transfers are warm."""

from typing import Final

from shared.plan import WARM_TRANSFER, ToolPlan

LONGEST_BRIEF: Final = 1_000
# Ringing (30 s), the brief of up to a minute, and the target's decision.
TIMEOUT_S: Final = 110.0
WARM_TRANSFER_PLAN: Final = ToolPlan(
    WARM_TRANSFER,
    "Put the caller through to a person, who is called, hears your brief and decides. Say to the caller that you are "
    "calling a colleague. If the person does not take the call, the caller stays with you.",
    {
        "type": "object",
        "properties": {
            "brief": {
                "type": "string",
                "maxLength": LONGEST_BRIEF,
                "description": "What the person has to know: who the caller is and what it is about, in two sentences.",
            }
        },
        "required": ["brief"],
    },
    timeout_s=TIMEOUT_S,
    repeatable=True,
    remote=True,
)
