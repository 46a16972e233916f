"""Facts extracted from prompts."""

from media.providers.receptionist.facts import extract_business_name, extract_facts


def sentences(prompt: str) -> list[str]:
    return [fact.sentence for fact in extract_facts(prompt)]


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
    assert sentences(prompt) == [
        "Breakfast is from 7 to 10.",
        "You can park behind the house.",
        "Please bring an ID.",
        "Check-in: from 3 p.m. on",
    ]


def test_text_before_the_facts_heading_has_no_facts() -> None:
    prompt = (
        "Reception of Oak Hotel.\n- For a room, ask for the dates. Read them back.\n\n## Facts:\n- Rooms have a view."
    )
    assert sentences(prompt) == ["Rooms have a view."]
    assert sentences("Reception desk.\n- Facts: see below\nRooms have a view.") == [
        "Reception desk.",
        "Facts: see below",
        "Rooms have a view.",
    ]


def test_sentences_are_split_but_not_at_abbreviations() -> None:
    prompt = "Dr. Smith works until 5 p.m. Fridays only. St. Mary's is next door. We are at 5 Elm St. in Salem."
    assert sentences(prompt) == [
        "Dr. Smith works until 5 p.m. Fridays only.",
        "St. Mary's is next door.",
        "We are at 5 Elm St. in Salem.",
    ]


def test_a_sentence_that_refers_back_stays_with_its_fact() -> None:
    assert sentences("Parking is behind the house. It is free for guests. The lift is broken.") == [
        "Parking is behind the house. It is free for guests.",
        "The lift is broken.",
    ]


def test_questions_and_answers_are_pairs() -> None:
    (fact,) = extract_facts("Q: Can I bring my dog?\nA: Small ones are welcome.\nA: stray")[:1]
    assert fact.sentence == "Small ones are welcome."
    assert "dog" in fact.search_text


def test_the_name_of_the_business() -> None:
    assert extract_business_name("You are the receptionist of Oak Hotel. Be polite.") == "Oak Hotel"
    assert (
        extract_business_name("You are a friendly voice assistant for the Harbor Clinic, a clinic.") == "Harbor Clinic"
    )
    assert extract_business_name("You are the front desk at Bob's Garage in Salem.") == "Bob's Garage"
    assert extract_business_name("Be polite.") == ""
