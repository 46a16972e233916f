"""Whole conversations with the receptionist: what is said, and the expected replies."""

import pytest

from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue_state import Question
from tests.media.providers.receptionist.conversation import TRANSFER, Conversation

SPEECH = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
RIGHT = "Is that right?"


# --- messages -------------------------------------------------------------------------------------------------------


def test_a_statement_is_read_back_verbatim() -> None:
    reply = Conversation().say(SPEECH)
    assert reply.text == f"I can pass that on. I have: {SPEECH} Is that right?"


def test_any_answer_to_the_message_question_is_the_message() -> None:
    conversation = Conversation(
        greeting="Bright Harbor Dental. We are closed; please leave your message after the tone."
    )
    assert conversation.say(SPEECH).text == f"I have: {SPEECH} Is that right?"


@pytest.mark.parametrize(
    "heard_as",
    [
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
        "And so my fellow Americans ask not what your country can do for you? Ask what you can do for your country?",
        "Ask not what your country can do for you. Ask what you can do for your country.",
    ],
)
def test_requests_are_recognized_in_any_spelling(heard_as: str) -> None:
    reply = Conversation().say(heard_as).text
    assert heard_as.rstrip(".") in reply
    assert reply.endswith(RIGHT)


def test_a_message_in_several_turns_is_read_back_whole() -> None:
    """The caller continues during the read-back, of which only a part is heard."""
    conversation = Conversation()
    conversation.say("And so, my fellow Americans,", heard="I can pass")
    conversation.say("ask not", heard="I have: And so, my fellow")
    reply = conversation.say("what your country can do for you.")
    said = "And so, my fellow Americans, ask not. what your country can do for you."
    assert reply.text.endswith(f"{said} {RIGHT}")


def test_unanswered_turns_are_one_turn() -> None:
    reply = Conversation().say("And so, my fellow Americans,", "ask not what your country", "can do for you.").text
    assert "And so, my fellow Americans, ask not what your country can do for you. Is that right?" in reply


def test_a_fragment_is_added_to_the_message_after_it() -> None:
    conversation = Conversation()
    conversation.say("ask not", heard="I'm not")
    reply = conversation.say("what your country can do for you, ask what you can do for your country.").text
    assert "ask not what your country can do for you, ask what you can do for your country." in reply


def test_a_whole_message_dialogue() -> None:
    conversation = Conversation()
    assert conversation.say("Can I leave a message?").text == phrases.TAKE_MESSAGE
    assert (
        conversation.say("I need to come later on Thursday.").text
        == f"I have: I need to come later on Thursday. {RIGHT}"
    )
    assert conversation.say("Yes, that's right.").text == "Thank you. May I have your name and phone number?"
    assert conversation.say("Anna Miller, 415 555 0100.").text == f"I have: Anna Miller, 415 555 0100. {RIGHT}"
    assert conversation.say("Correct.").text == phrases.NOTED
    last = conversation.say("No, that's all, thank you. Goodbye.")
    assert (last.text, last.tool) == (phrases.GOODBYE, "end_call")


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("Please tell Doctor Evans that I will be late.", "Please tell Doctor Evans that I will be late"),
        ("I'd like to leave a message that my tooth is fine now.", "my tooth is fine now"),
        ("Could you take a message, please: call me tomorrow.", "call me tomorrow"),
        ("I want to leave a message for Doctor Evans, I lost my filling.", ", for Doctor Evans: I lost my filling"),
        ("Can you call me back please", "Can you call me back please"),
        ("let the doctor know i can't sleep", "let the doctor know i can't sleep"),
        ("I can't make it on Tuesday", "I can't make it on Tuesday"),
        ("i need to cancel my apointment", "i need to cancel my apointment"),
    ],
)
def test_a_message_can_be_given_with_its_request(said: str, noted: str) -> None:
    reply = Conversation().say(said)
    assert reply.text.endswith(f"{noted}. {RIGHT}")
    assert reply.question is Question.CONFIRM


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        ("No.", phrases.TAKE_AGAIN),
        ("No, I said I will be late on Thursday.", f"I have: I will be late on Thursday. {RIGHT}"),
        ("No, not Tuesday.", f"I have: I will be late on Tuesday. No, not Tuesday. {RIGHT}"),
        ("Yes, and tell them I am sorry.", f"I have: I will be late on Tuesday. and tell them I am sorry. {RIGHT}"),
        ("By ten minutes or so.", f"I have: I will be late on Tuesday. By ten minutes or so. {RIGHT}"),
        ("yeah", phrases.NOTED_CONTACT),
        ("uh-huh", phrases.NOTED_CONTACT),
        ("that is correct thank you", phrases.NOTED_CONTACT),
        ("no that's right", phrases.NOTED_CONTACT),
        ("that's not right", phrases.TAKE_AGAIN),
        ("That's wrong.", phrases.TAKE_AGAIN),
        ("never mind", phrases.DROPPED),
        ("Can you repeat that?", f"I have: I will be late on Tuesday. {RIGHT}"),
        ("Yes, thank you, bye.", f"I'll pass that on. {phrases.GOODBYE}"),
        ("Goodbye.", f"I'll pass that on. {phrases.GOODBYE}"),
        ("hmm", phrases.UNCLEAR[0]),
    ],
)
def test_answers_to_a_read_back(answer: str, then: str) -> None:
    conversation = Conversation()
    conversation.talk("Can I leave a message?", "I will be late on Tuesday.")
    assert conversation.say(answer).text == then


def test_a_question_during_a_message_is_answered_and_the_message_continues() -> None:
    conversation = Conversation()
    conversation.talk("Can I leave a message?", "I will be late on Tuesday.")
    reply = conversation.say("When do you close?")
    assert reply.text.startswith("We are open Monday")
    assert reply.text.endswith(phrases.STILL_RIGHT)
    assert conversation.say("Yes.").text == phrases.NOTED_CONTACT


def test_name_and_number_can_be_given_one_by_one() -> None:
    conversation = Conversation()
    conversation.talk("Can I leave a message?", "I will be late on Tuesday.", "Yes.")
    assert conversation.say("Anna Miller.").text == phrases.NUMBER
    assert conversation.say("five five five oh one double oh").text.endswith(
        f"five five five oh one double oh. {RIGHT}"
    )
    assert conversation.say("No, five five five oh two.").text == f"I have: five five five oh two. {RIGHT}"
    assert conversation.say("Yes.").text == phrases.NOTED


@pytest.mark.parametrize("answer", ["No.", "I'd rather not.", "you already have it", "never mind", "no thank you"])
def test_name_and_number_can_be_refused(answer: str) -> None:
    conversation = Conversation()
    conversation.talk("Can I leave a message?", "I will be late on Tuesday.", "Yes.")
    assert conversation.say(answer).text == phrases.NOTED


def test_a_message_with_a_phone_number_asks_for_no_other() -> None:
    conversation = Conversation()
    conversation.talk("Please tell the doctor to call Anna at 4 1 5 5 5 5 0 1 0 0.")
    assert conversation.say("Yes.").text == phrases.NOTED


# --- appointments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "noted"),
    [
        (("I'd like to make an appointment.", "On Tuesday at three p.m."), "an appointment on Tuesday at three pm"),
        (("I need an apointment", "next Monday", "10:30"), "an appointment next Monday at 10 30"),
        (("Can I book a checkup for tomorrow morning?",), "an appointment tomorrow in the morning"),
        (
            ("book an appointment please", "half past two", "on the fifth of March"),
            "on the fifth of March at half past two",
        ),
        (("Can I come in on Friday?", "around noon"), "an appointment on Friday around noon"),
        (("I want an appointment", "Thursday", "four"), "an appointment on Thursday at four"),
        (("I want an appointment", "wensday afternoon"), "an appointment on Wednesday in the afternoon"),
        (("schedule an appointment for the day after tomorrow at 9 a.m.",), "the day after tomorrow at 9 am"),
    ],
)
def test_day_and_time_are_asked_for_until_both_are_known(turns: tuple[str, ...], noted: str) -> None:
    reply = Conversation().talk(*turns)
    assert reply.text.endswith(f"{noted}. {RIGHT}")


def test_a_whole_appointment_dialogue() -> None:
    conversation = Conversation()
    assert conversation.say("I'd like to make an appointment.").text == phrases.APPOINTMENT
    assert conversation.say("On Tuesday.").text == "And at what time on Tuesday?"
    assert conversation.say("At three.").text == f"I have: an appointment on Tuesday at three. {RIGHT}"
    assert conversation.say("No, at four.").text == f"I have: an appointment on Tuesday at four. {RIGHT}"
    assert (
        conversation.say("Wednesday would be better.").text == f"I have: an appointment on Wednesday at four. {RIGHT}"
    )
    assert conversation.say("Yes please.").text == phrases.NOTED_CONTACT
    assert conversation.say("John Smith, 415 555 0100.").text.endswith(RIGHT)
    assert conversation.say("Yes.").text == phrases.NOTED


def test_an_appointment_without_day_and_time_is_noted_in_the_caller_s_words() -> None:
    conversation = Conversation()
    conversation.say("I'd like to make an appointment.")
    assert conversation.say("Whenever you have room.").text == phrases.APPOINTMENT_AGAIN
    assert "Whenever the doctor likes" in conversation.say("Whenever the doctor likes.").text


def test_a_question_about_appointments_is_not_an_appointment() -> None:
    assert Conversation().say("How can I cancel an appointment?").text.startswith("Appointments can be cancelled")
    assert Conversation().say("I'd like an appointment.").text == phrases.APPOINTMENT


# --- people, machines, courtesy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Can I speak to a person?",
        "I want to talk to a real human being please",
        "Put me through to somebody",
        "operator",
        "Could you connect me with Doctor Evans",
        "get me a manager",
        "is there a nurse available",
    ],
)
def test_a_caller_who_wants_a_person_is_transferred_or_can_leave_a_message(said: str) -> None:
    reply = Conversation(tools=[TRANSFER]).say(said)
    assert (reply.text, reply.tool) == (phrases.TRANSFER, "transfer")
    reply = Conversation().say(said)
    assert (reply.text, reply.tool, reply.question) == (phrases.NO_PERSON, "", Question.MESSAGE)


@pytest.mark.parametrize(
    "said",
    [
        "Goodbye.",
        "bye bye",
        "That's all, thank you.",
        "no that's it thanks",
        "Okay, thanks a lot, have a nice day!",
        "good by",
        "that will be all",
        "nothing else thank you",
    ],
)
def test_goodbye(said: str) -> None:
    reply = Conversation().say(said)
    assert (reply.text, reply.tool) == (phrases.GOODBYE, "end_call")
    assert Conversation(tools=[]).say(said).tool == ""


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Are you a robot?", phrases.ROBOT),
        ("am I talking to a machine", phrases.ROBOT),
        ("is this a real person", phrases.ROBOT),
        ("what can you do", phrases.ROBOT),
        ("Who are you?", "This is the automated receptionist of Bright Harbor Dental."),
        ("who am i speaking to", "This is the automated receptionist of Bright Harbor Dental."),
        ("How are you today?", phrases.FINE),
        ("Hello?", phrases.HELLO),
        ("good morning", phrases.HELLO),
        ("Can you hear me?", phrases.HERE),
        ("Thank you very much.", phrases.THANKS),
        ("hold on a second", phrases.TAKE_YOUR_TIME),
        ("", phrases.UNCLEAR[0]),
        ("um, uh", phrases.UNCLEAR[0]),
        ("...", phrases.UNCLEAR[0]),
        ("banana", phrases.DONT_UNDERSTAND),
        ("yes", phrases.HELP),
        ("no", phrases.ELSE),
    ],
)
def test_small_talk(said: str, answer: str) -> None:
    assert Conversation().say(said).text.startswith(answer)


def test_small_talk_keeps_the_open_question() -> None:
    conversation = Conversation()
    conversation.talk("I'd like an appointment.", "On Tuesday.")
    assert conversation.say("Are you a robot?").text == f"{phrases.ROBOT} And at what time on Tuesday?"
    assert conversation.say("At three.").text == f"I have: an appointment on Tuesday at three. {RIGHT}"


def test_an_offer_is_accepted_or_refused() -> None:
    for said, then in [
        ("Yes please.", phrases.TAKE_MESSAGE),
        ("No thanks.", phrases.DROPPED),
        ("Sure, tell them that I called.", f"I have: tell them that I called. {RIGHT}"),
        ("No. What are your hours?", "We are open Monday"),
    ]:
        conversation = Conversation()
        conversation.say("What's the weather like?")
        assert conversation.say(said).text.startswith(then)


def test_unclear_turns_lead_to_an_offer() -> None:
    conversation = Conversation()
    assert [conversation.say("um").text for _ in range(4)] == [*phrases.UNCLEAR, phrases.UNCLEAR[-1]]
    assert conversation.say("I have lost a filling.").text == f"I have: I have lost a filling. {RIGHT}"


def test_the_last_reply_can_be_repeated() -> None:
    conversation = Conversation()
    assert "How can I help you?" in conversation.say("Sorry, what did you say?").text
    answer = conversation.say("What's your address?").text
    assert conversation.say("Could you repeat that?").text == answer
    conversation.say("When are you open?", heard="We are open Mon")
    assert conversation.say("say that again please").text.startswith("We are open Monday to Thursday from 8")


def test_a_long_question_without_a_fact_becomes_a_message() -> None:
    said = "Why did my neighbor's nephew get a purple toothbrush from you while mine was only a plain green one?"
    assert f"I have: {said} {RIGHT}" in Conversation().say(said).text
