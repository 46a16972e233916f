"""The receptionist's fixed phrases, which are short because they are spoken."""

from typing import Final

HELP: Final = "How can I help you?"
ELSE: Final = "Is there anything else I can do for you?"
WHAT_MESSAGE: Final = "What would you like me to pass on?"
RIGHT: Final = "Is that right?"
CONTACT: Final = "May I have your name and phone number?"
NUMBER: Final = "And your phone number?"
DAY_AND_TIME: Final = "What day and time would suit you?"
OFFER: Final = "Shall I take a message?"
STILL_RIGHT: Final = "And what I have noted, is that right?"
STILL_MESSAGE: Final = "And your message? What would you like me to pass on?"

TAKE_MESSAGE: Final = f"Of course. {WHAT_MESSAGE}"
TAKE_AGAIN: Final = f"I'm sorry. {WHAT_MESSAGE}"
TAKE_STATEMENT: Final = "I can pass that on."
DROPPED: Final = f"All right, I'll leave it at that. {ELSE}"
NOTED: Final = f"Thank you, I've noted that, and someone will get back to you. {ELSE}"
NOT_NOTED: Final = f"I'm sorry, I can't pass that on right now. {ELSE}"
NOTED_CONTACT: Final = f"Thank you. {CONTACT}"
APPOINTMENT: Final = f"Gladly. {DAY_AND_TIME}"
APPOINTMENT_AGAIN: Final = f"I'm sorry. {DAY_AND_TIME}"
DONT_KNOW: Final = f"I'm afraid I don't know that. {OFFER}"
DONT_UNDERSTAND: Final = f"I'm not sure how I can help with that. {OFFER}"
NO_CALENDAR: Final = f"I'm sorry, I can't look into the calendar right now. {OFFER}"
NO_FREE_TIME: Final = f"There is no free time in the next days. {OFFER}"
NO_PERSON: Final = f"I can't put you through, but I can take a message. {WHAT_MESSAGE}"
NOBODY_ANSWERED: Final = f"I'm sorry, nobody can take the call right now. {WHAT_MESSAGE}"
TRANSFER: Final = "One moment, please, I'll put you through."
TRANSFERRING: Final = "I'm connecting you now."
THANKS: Final = f"You're welcome. {ELSE}"
FINE: Final = "I'm doing well, thank you."
HERE: Final = "Yes, I'm here."
HELLO: Final = "Hello."
TAKE_YOUR_TIME: Final = "Of course, take your time."
ROBOT: Final = "I'm an automated receptionist, not a person. I answer questions, take messages and note appointments."
UNCLEAR: Final = (
    "Sorry, I didn't catch that. Could you say it again?",
    "I'm sorry, I still can't hear you well. Could you say it once more?",
    f"I'm sorry, the line seems to be bad. I can take a message. {WHAT_MESSAGE}",
)
GOODBYE: Final = "Thank you for calling. Goodbye."
PASSED_ON: Final = "I'll pass that on."
LISTENING: Final = "Go ahead, please."


def this_is(business: str) -> str:
    """Return a sentence that introduces the receptionist."""
    return f"This is the automated receptionist of {business}." if business else "This is the automated receptionist."


def read_back(words: str, recipient: str = "") -> str:
    """Return a text that repeats the caller's words and asks whether they are right.

    Args:
        recipient: The recipient, such as "for Doctor Evans".
    """
    words = words.strip().rstrip(",;:.").rstrip()
    stop = "" if words.endswith(("!", "?")) else "."
    have = f"I have, {recipient}:" if recipient else "I have:"
    return f"{have} {words}{stop} {RIGHT}"


def appointment(day: str, time: str) -> str:
    """Return a text that repeats the appointment and asks whether it is right."""
    return f"I have: an appointment {day} {time}. {RIGHT}"


def ask_slot(day: str, time: str) -> str:
    """Return the question for the missing day or time."""
    if day:
        return f"And at what time {day}?"
    return f"And on which day, {time}?" if time else DAY_AND_TIME
