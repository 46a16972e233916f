"""Since when a voice owes audio."""

from media.providers.chain.debt import Debt


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def debt(*, whole: bool = False) -> tuple[Debt, Clock, list[float]]:
    clock = Clock()
    owed: list[float] = []
    account = Debt(clock, 2.0, whole=whole)
    account.on_owed = lambda: owed.append(clock.now)
    return account, clock, owed


def test_a_voice_that_takes_words_owes_from_the_first_clause_on() -> None:
    account, clock, owed = debt()
    account.gave("Good ")
    assert account.since is None
    clock.now = 1.0
    account.gave("morning, ")
    clock.now = 2.0
    account.gave("how are you?")
    assert account.since == 1.0
    assert owed == [1.0]


def test_enough_words_do_without_a_clause_end() -> None:
    account, _, _ = debt()
    account.gave("this goes on and on ")
    assert account.since is None
    account.gave("without any mark at all")
    assert account.since == 0.0


def test_a_voice_that_takes_clauses_owes_from_the_first_one_on() -> None:
    account, _, _ = debt(whole=True)
    account.gave("Well")
    assert account.since == 0.0


def test_being_asked_to_speak_what_is_there_makes_it_owed() -> None:
    account, _, _ = debt()
    account.gave("")
    account.gave("One moment")
    assert account.since is None
    account.gave("")
    assert account.since == 0.0


def test_punctuation_alone_is_never_owed() -> None:
    account, _, _ = debt()
    account.gave("...")
    account.gave_all()
    assert account.since is None


def test_audio_settles_it_until_there_is_more_text() -> None:
    account, clock, owed = debt()
    account.gave("Good morning. ")
    clock.now = 1.0
    account.paid()
    assert account.since is None
    account.gave("How ")
    assert account.since is None
    clock.now = 2.0
    account.gave_all()
    assert account.since == 2.0
    clock.now = 3.0
    account.paid()
    assert account.since == 3.0  # the text is complete: the next audio, or the end, is due at once
    assert owed == [0.0, 2.0]


def test_it_is_overdue_for_who_has_waited_long_enough() -> None:
    account, _, _ = debt(whole=True)
    assert account.due(5.0) is None
    account.gave("Hello.")
    assert account.due(-1.0) == 2.0
    assert account.due(5.0) == 7.0
