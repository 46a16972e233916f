"""Facts out of prompts as people write them."""

from media.providers.receptionist.facts import business_of, facts_of


def said(prompt: str) -> list[str]:
    return [fact.say for fact in facts_of(prompt)]


def test_instructions_headings_and_bullets_are_no_facts() -> None:
    prompt = """# Role
    You are the receptionist of Oak Hotel. Be polite. Keep your answers short. Never make things up.
    If the caller asks for a manager, transfer the call.

    Facts:
    - **Breakfast** is from 7 to 10.
    * You can park behind the house.
    2. Please bring an ID.
    Check-in: from 3 p.m. on
    ---"""
    assert said(prompt) == [
        "Breakfast is from 7 to 10.",
        "You can park behind the house.",
        "Please bring an ID.",
        "Check-in: from 3 p.m. on",
    ]


def test_what_stands_before_the_heading_of_facts_is_for_the_agent_alone() -> None:
    prompt = (
        "Reception of Oak Hotel.\n- For a room, ask for the dates. Read them back.\n\n## Facts:\n- Rooms have a view."
    )
    assert said(prompt) == ["Rooms have a view."]
    assert said("Reception desk.\n- Facts: see below\nRooms have a view.") == [
        "Reception desk.",
        "Facts: see below",
        "Rooms have a view.",
    ]


def test_sentences_part_but_not_at_abbreviations() -> None:
    prompt = "Dr. Smith works until 5 p.m. Fridays only. St. Mary's is next door. We are at 5 Elm St. in Salem."
    assert said(prompt) == [
        "Dr. Smith works until 5 p.m. Fridays only.",
        "St. Mary's is next door.",
        "We are at 5 Elm St. in Salem.",
    ]


def test_a_sentence_that_refers_back_stays_with_its_fact() -> None:
    assert said("Parking is behind the house. It is free for guests. The lift is broken.") == [
        "Parking is behind the house. It is free for guests.",
        "The lift is broken.",
    ]


def test_questions_and_answers_are_pairs() -> None:
    (fact,) = facts_of("Q: Can I bring my dog?\nA: Small ones are welcome.\nA: stray")[:1]
    assert fact.say == "Small ones are welcome."
    assert "dog" in fact.about


def test_the_name_of_the_business() -> None:
    assert business_of("You are the receptionist of Oak Hotel. Be polite.") == "Oak Hotel"
    assert business_of("You are a friendly voice assistant for the Harbor Clinic, a clinic.") == "Harbor Clinic"
    assert business_of("You are the front desk at Bob's Garage in Salem.") == "Bob's Garage"
    assert business_of("Be polite.") == ""
