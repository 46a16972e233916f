"""Questions of callers, also as misrecognized, searched in the facts of the shipped plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.receptionist.facts import Fact, extract_facts
from media.providers.receptionist.retrieval import FactIndex, content_words
from media.providers.receptionist.word_forms import split_words
from tests.media.providers.receptionist.conversation import PLAN, Conversation

OPEN = "We are open Monday to Thursday"
CLOSED = "We are closed on Saturday and Sunday"
ADDRESS = "Our address is 214 Harbor Street"
PARKING = "Parking is free for patients"
BUS = "The number 12 bus"
CHECKUP = "A check-up with cleaning costs"
FILLING = "A filling costs between"
INSURANCE = "We accept most dental insurance plans"
PAYMENT = "You can pay by credit card"
EMERGENCY = "For a dental emergency"
CANCEL = "Appointments can be cancelled or moved"
NEW = "New patients should come 15 minutes early"
DOCTORS = "Our dentists are Doctor Maria Evans"
CHILDREN = "We treat children from the age of 3"
ACCESS = "The practice is on the ground floor"

QUESTIONS = [
    ("What are your opening hours?", OPEN),
    ("What are your hours", OPEN),
    ("When are you open?", OPEN),
    ("Hi, I was just wondering what time you open on Tuesday.", OPEN),
    ("What time do you close?", OPEN),
    ("Are you open on Wednesday", OPEN),
    ("when do you clothes on friday", OPEN),
    ("what are you're opening ours", OPEN),
    ("Are you open on Saturday?", CLOSED),
    ("Do you work weekends?", CLOSED),
    ("is it open on sunday morning", CLOSED),
    ("What's your address?", ADDRESS),
    ("Where are you located?", ADDRESS),
    ("can you tell me where you are", ADDRESS),
    ("whats the adress please", ADDRESS),
    ("How do I find you? What street is it?", ADDRESS),
    ("Is there parking?", PARKING),
    ("Where can I park my car?", PARKING),
    ("do you have a parting garage", PARKING),
    ("Where can I put my car?", PARKING),
    ("Is parking free", PARKING),
    ("Can I get there by bus?", BUS),
    ("which bus stops near you", BUS),
    ("How much is a cleaning?", CHECKUP),
    ("What does a checkup cost?", CHECKUP),
    ("what's the price of an x-ray", CHECKUP),
    ("How much do you charge for a filling?", FILLING),
    ("what's the prize for teeth whitening", FILLING),
    ("Do you take my insurance?", INSURANCE),
    ("Do you accept Cigna?", INSURANCE),
    ("i have delta dental is that okay", INSURANCE),
    ("How can I pay?", PAYMENT),
    ("Do you take credit cards?", PAYMENT),
    ("can i pay in installments", PAYMENT),
    ("I have a terrible toothache!", EMERGENCY),
    ("my tooth is broken what should i do", EMERGENCY),
    ("It's an emergency.", EMERGENCY),
    ("What is your cancellation policy?", CANCEL),
    ("Do I have to pay if I cancel?", CANCEL),
    ("what should i bring as a new patient", NEW),
    ("I'm a new patient, do I need to come early?", NEW),
    ("Who are the dentists?", DOCTORS),
    ("what are the names of your doctors", DOCTORS),
    ("Do you see kids?", CHILDREN),
    ("can I bring my daughter", CHILDREN),
    ("Is it wheelchair accessible?", ACCESS),
    ("are there any stairs", ACCESS),
]

UNKNOWN = [
    "What's the weather like today?",
    "Who won the game last night?",
    "Can you recommend a good restaurant?",
    "What is the meaning of life?",
    "do you sell lawn mowers",
    "is the pope catholic",
]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_a_question_is_answered_by_its_fact(question: str, answer: str) -> None:
    assert Conversation().say(question).text.startswith(answer)


@pytest.mark.parametrize("question", UNKNOWN)
def test_a_question_without_a_fact_is_not_answered(question: str) -> None:
    reply = Conversation().say(question).text
    assert reply == "I'm afraid I don't know that. Shall I take a message?"


def test_two_questions_in_one_get_two_answers() -> None:
    reply = Conversation().say("Where are you located and is there any parking?").text
    assert ADDRESS in reply
    assert PARKING in reply


@pytest.mark.parametrize(
    ("turns", "answer"),
    [
        (("What are your opening hours?", "And on Saturday?"), CLOSED),
        (("Are you open on Monday?", "What about Sunday?"), CLOSED),
        (("How much is a cleaning?", "And a filling?"), FILLING),
        (("Do you have parking?", "How about the price for whitening?"), FILLING),
    ],
)
def test_a_follow_up_is_answered_with_the_question_before_it(turns: tuple[str, ...], answer: str) -> None:
    assert Conversation().talk(*turns).text.startswith(answer)


def test_rare_words_weigh_more_than_common_ones() -> None:
    index = FactIndex(
        extract_facts("The red door is for guests. The red gate is for staff. The red bell is for deliveries.")
    )
    (fact,) = index.search(content_words(split_words("Where is the red bell?"))).facts
    assert fact.sentence == "The red bell is for deliveries."


def test_a_misrecognized_word_matches_a_similar_word_or_its_concept() -> None:
    index = FactIndex(extract_facts("You find us at 5 Mill Lane. Vegetarian dishes are on every menu."))
    (fact,) = index.search(content_words(split_words("vegeterian food"))).facts
    assert fact.sentence.startswith("Vegetarian")
    (fact,) = index.search(content_words(split_words("whats the adress"))).facts
    assert fact.sentence.startswith("You find us")


def test_without_facts_there_is_no_answer() -> None:
    assert FactIndex([]).search(("parking",)).facts == ()


@given(st.lists(st.builds(Fact, st.text(), st.text()), max_size=6), st.lists(st.text(max_size=12), max_size=8))
def test_any_words_can_be_searched(facts: list[Fact], question: list[str]) -> None:
    found = FactIndex(facts).search(question, question[:2], two_questions=True)
    assert 0 <= found.share <= 1 + 1e-9
    assert len(found.facts) <= 2


def test_the_plan_s_prompt_is_read_as_facts() -> None:
    facts = [fact.sentence for fact in extract_facts(PLAN.agent.prompt)]
    assert len(facts) == 15
    assert facts[0].startswith(OPEN)
    assert facts[-1].startswith(ACCESS)
