"""Properties of calls: their lists, one in full, its turns, costs and events."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_USAGE: Final = {"call_ms": 94_200, "stt_ms": 93_100, "llm_prompt_tokens": 2_310, "tts_characters": 480}
_LATENCY: Final = {
    "total": 640,
    "endpoint": 220,
    "stt": 90,
    "llm_first_token": 210,
    "tts_first_byte": 80,
    "playback": 40,
}
_METHOD: Final = Text("`model`: by a language model. `heuristic`: sentences of the call. Null without a result.")
_REASON: Final = Text(
    "Why it failed, waits for another attempt or was skipped, or why no language model was asked; else empty.", "busy"
)
_EVENT: Final = {"type": "caller.said", "turn": 1, "text": "I need an appointment.", "start_ms": 4_200, "end_ms": 5_900}

CALLS: Final = {
    "opted_out_at": Text(
        "When the person on the phone asked not to be called again (UTC), which puts their number on the do-not-call "
        "list, unless it was withheld. Null: nobody did."
    ),
    "opted_out_by": Text("How the person asked not to be called again: words or key; null: nobody did.", "words"),
    "call": Text("The call."),
    "calls": Text("The calls."),
    "test_call_id": Text("Id of the test call, as of any call."),
    "active_calls": Text("The calls."),
    "OutboundCall.agent_id": Text("Id of the agent that calls; it must be live."),
    "phone_number_to_call": Text("The number to call, in E.164.", "+12025550123"),
    "polite": Text("Whether the agent says goodbye first."),
    "Saying.text": Text("What the agent says, up to 1,000 characters.", "Dr. Lee will be with you in a minute."),
    "Transfer.number": Text("The number that the caller is transferred to, in E.164.", "+12025550199"),
    "outcome": Text("`done`: the command was carried out.", "done"),
    "Ended.outcome": Text("`ending`: the call ends within seconds. `ended`: it was over before.", "ending"),
    "caller_number": Text("The caller's number in E.164; null if it was withheld.", "+12025550123"),
    "caller_withheld": Text("Whether the caller withheld the number; `caller_number` is null then.", False),
    "called_number": Text("The called number in E.164; null if it is unknown.", "+12025550199"),
    "direction": Text("`inbound`: somebody called the workspace's number. `outbound`: an agent called."),
    "end_reason": Text("How the conversation ended; null while it has not, or for a call without one."),
    "end_detail": Text("More about the end, or why the call was refused; null for nothing more.", "over_limit"),
    "is_test": Text("Whether it is a test call, which is not charged."),
    "carrier_call_id": Text("The call's id at its carrier; null before the carrier gave one.", "CA0123456789abcdef"),
    "duration_seconds": Text("Seconds from the answer to the end; 0 for an unanswered call.", 94),
    "duration_so_far": Text("Seconds since the call was answered; 0 before.", 12),
    "cost_total": Text("What the customer is billed for the call, after included and trial minutes.", 0.06),
    "cost_list": Text("The call's minutes at list price, in major units.", 0.19),
    "provider_cost": Text("What providers and the carrier cost us, in US dollars; null while one is unknown.", 0.05),
    "started_at": Text("When an inbound call arrived, or an outbound one was dialled (UTC); null before."),
    "answered_at": Text("When the call was answered (UTC); null if it was not."),
    "ended_at": Text("When the call ended (UTC); null before."),
    "agent_version": Text("The version of the agent that answers; null without an agent.", 3),
    "recording_seconds": Text("Length of the recording in seconds; null without one.", 93.8),
    "recording_url": Text(
        "Path of the recording, which needs the same sign-in; null without one.",
        "/workspaces/01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60/calls/01936d30-1b2c-7d3e-8f4a-5b6c7d8e9f00/recording",
    ),
    "transcription": Text("What was heard, as text; null if nothing was said.", "Agent: Hello.\nCaller: Good morning."),
    "summary": Text("A summary of the conversation; null without one.", "The caller booked a check-up for Friday."),
    "sentiment": Text("The caller's mood; null while it is unknown.", "positive"),
    "success": Text("Whether the agent's criterion of success was met; null while that is unknown.", True),
    "CallView.analysis": Text("What was made of the call after its end; null before, and if nothing was said."),
    "sentiment_score": Text("The caller's mood from -1, very negative, to 1; null while it is unknown.", 0.4),
    "success_reason": Text("Why the criterion was met or not; empty where that is not judged.", "A time was agreed."),
    "extracted": Text(
        "What was extracted by the agent's `analysis.extraction`; null without one, or without a language model.",
        {"appointment_day": "Friday"},
    ),
    "analysed_at": Text("When the last attempt ended (UTC); null before the first."),
    "CallAnalysisView.method": _METHOD,
    "AdminCallAnalysis.method": _METHOD,
    "CallAnalysisView.status": Text("`pending`: it waits. `skipped`: it is not made.", "done"),
    "AdminCallAnalysis.status": Text("`pending`: it waits. `skipped`: it is not made.", "done"),
    "CallAnalysisView.reason": _REASON,
    "AdminCallAnalysis.reason": _REASON,
    "AdminCallAnalysis.provider": Text("The provider that answered; empty without a language model.", "openai"),
    "AdminCallAnalysis.model": Text("The model that answered; empty without one.", "llama-3.3-70b"),
    "tokens": Text("Tokens that all attempts used.", 1_240),
    "attempts": Text("Attempts so far.", 1),
    "AdminCall.analysis": Text("What was made of the call after its end; null before, and if nothing was said."),
    "transferred_to": Text("Where the caller was transferred to, in E.164; null without a transfer.", "+12025550199"),
    "caller_attestation": Text(
        "What the carrier checked of the caller's number by STIR/SHAKEN. `A`: the caller's carrier knows the caller, "
        "who may use the number; `B`: it knows the caller; `C`: it does not; `failed`: the signature is not valid. "
        "Null: not signed, or the carrier did not say.",
        "A",
    ),
    "screened_at": Text("When the called phone asked who calls (call screening); null: it did not."),
    "answered_by": Text("Result of answering-machine detection; null without one.", "human"),
    "interruptions": Text("How often the caller interrupted the agent.", 1),
    "CallView.usage": Text("What the call consumed, by resource; ms, tokens and characters. Null if unknown.", _USAGE),
    "costs": Text("What the call consumed, by resource, and what it costs; while the call runs, too."),
    "CallView.consent": Text("What the caller heard to its end, and said about being recorded."),
    "disclosed_at": Text(
        "When the caller had heard that an artificial voice speaks (UTC); null where that was not said to its end."
    ),
    "announced_at": Text(
        "When the caller had heard that the call is recorded (UTC); null where that was not said to its end."
    ),
    "refused_at": Text("When the caller refused the recording, which is deleted (UTC); null without a refusal."),
    "refused_by": Text("How the caller refused the recording: words or key; null without a refusal.", "key"),
    "gaps": Text(
        "Where the call continued after its media stream was lost; times in ms since the call began.",
        [{"leg": 1, "lost_ms": 900, "at_ms": 31_400}],
    ),
    "failed_transfers": Text("Transfers whose target was not reached, so that the caller went on with the agent."),
    "FailedTransferView.failure": Text("Why: busy, no_answer, refused (the target declined) or failed.", "busy"),
    "FailedTransferView.number": Text("The number that was called (E.164); null if it is unknown.", "+14155557777"),
    "FailedTransferView.at": Text("When it failed, and the caller was led back to the agent (UTC)."),
    "turns": Text("The conversation by turns."),
    "resource_type": Text("What was consumed.", "stt"),
    "quantity": Text("How much, in `unit`.", 93_100),
    "unit": Text("Unit of `quantity`.", "ms"),
    "cost": Text("What is charged for it, in major units; null while it is unknown.", 0.19),
    "AdminCallCost.cost": Text("What we pay for it, in major units; null if it is unknown.", 0.0042),
    "AdminCallCost.price": Text("What the customer is charged, in major units; null if it is unknown.", 0.19),
    "estimated": Text("Whether we counted at least a part of it, because the provider did not."),
    "vendor": Text("The adapter to the provider's API.", "openai"),
    "model": Text("The model, as the vendor names it; empty where it has none.", "llama-3.3-70b"),
    "words": Text("What was heard, word by word; a placeholder of what was redacted is one word."),
    "utterances": Text("What was heard, by utterance."),
    "timing": Text(
        "Who knows when the word was said: the `vendor` of the recogniser or voice, or nobody, so that it is"
        " `estimated` by the word's share of its utterance.",
        "vendor",
    ),
    "speaker": Text("Who spoke.", "caller"),
    "text": Text("What was heard.", "I need an appointment."),
    "start_ms": Text("Beginning, in ms since the call began.", 4_200),
    "end_ms": Text("End, in ms since the call began.", 5_900),
    "turn": Text("Number of the turn; 0 is the greeting.", 1),
    "caller": Text("What the caller said; empty for nothing.", "I need an appointment."),
    "Turn.agent": Text(
        "What the caller heard of the agent's answer; empty for nothing.", "Of course. Which day suits you?"
    ),
    "interrupted": Text("Whether the caller interrupted the agent."),
    "latency_ms": Text(
        "Ms from the end of the caller's speech to the agent's first audio, and its parts; null without an answer.",
        _LATENCY,
    ),
    "Turn.tools": Text("Names of the tools that the agent used.", ["collect_digits"]),
    "events": Text("The events, in order."),
    "seq": Text("Sequence number of the event.", 7),
    "event_type": Text("Type of the event.", "caller.said"),
    "event_data": Text("The event's fields, its type included.", _EVENT),
    "timestamp": Text("When it happened (UTC)."),
    "variables": Text("What placeholders in the agent's texts stand for in this call.", {"customer_name": "Ada"}),
    "AgentConfig.variables": Text(
        "The placeholders that a call's own `variables` may fill, up to 50, and what fills them otherwise.",
        {"customer_name": {"default": "there", "required": False}},
    ),
    "AgentConfigPatch.variables": Text(
        "The placeholders that a call's own `variables` may fill, up to 50; null removes one.",
        {"customer_name": {"default": "there", "required": False}},
    ),
    "VariablePatch.default": Text("Fills the placeholder in calls that bring no value; null clears it.", "there"),
    "Variable.default": Text(
        "Fills the placeholder in calls that bring no value; inbound calls bring none. One line of up to 500 "
        "characters; empty: the fact of this name, else nothing.",
        "there",
    ),
    "taken_at": Text("When the message was taken (UTC)."),
    "caller_name": Text("Name of the caller, as given; empty if unknown.", "Ada Lovelace"),
    "callback_number": Text("Number to call back; empty if unknown.", "+12025550123"),
    "is_urgent": Text("Whether the caller said that it is urgent."),
    "phone_code": Text("The code that the call speaks."),
    "PhoneCodeView.phone_number": Text("The phone that is called.", "+12025550123"),
    "PhoneCodeView.expires_at": Text("Until when the code is good (UTC)."),
    "phone_code_id": Text("Id of the code."),
    "verified_number": Text("The verified phone."),
    "verified_numbers": Text("The verified phones."),
    "verified_number_id": Text("Id of the verified phone."),
    "VerifiedNumberView.phone_number": Text("The phone, in E.164.", "+12025550123"),
    "VerifiedNumberView.user_id": Text("Id of the member whose phone it is."),
    "verified_at": Text("When it was verified (UTC)."),
    "blocked_caller": Text("The blocked caller."),
    "blocked_callers": Text("The blocked callers."),
    "blocked_caller_id": Text("Id of the blocked caller."),
    "BlockedCallerView.caller": Text("E.164 number, or `anonymous` for all who withhold theirs.", "+12025550123"),
    "note": Text("Why, for the workspace's members.", "Sales calls"),
}
