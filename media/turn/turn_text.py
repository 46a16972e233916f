"""The caller's uncommitted words: which of them are new, and whether they interrupt the agent."""

from media.turn.backchannels import demands_floor, is_misheard_backchannel, split_words, without_backchannels


class TurnText:
    """The text of one turn so far. The recognizer replaces it as a whole, and a count tracks how many words are
    handled.

    Attributes:
        is_answered_again: An answer was canceled, and no words were added since then.
    """

    __slots__ = (
        "_answered", "_carried", "_handled", "_handled_questions", "_owed", "_text", "_words", "is_answered_again",
    )  # fmt: skip

    def __init__(self) -> None:
        self._carried = ""
        self._text = ""
        self._words: list[str] = []
        self._handled = 0
        self._handled_questions = 0
        self._answered = 0  # words that had an answer, including backchannels
        self._owed = 0  # words among them whose answer was canceled
        self.is_answered_again = False

    @property
    def text(self) -> str:
        """The whole turn, including unanswered words from before the last commit."""
        return self.with_carried(self._text)

    @property
    def count(self) -> int:
        """The number of words of the whole turn."""
        return len(self._words)

    @property
    def new_words(self) -> list[str]:
        """The words that are not handled yet."""
        return self._words[self._handled :]

    @property
    def needs_answer(self) -> bool:
        """Whether new words are more than a backchannel, or had an answer that was cancelled."""
        return self._handled < self._owed or bool(without_backchannels(self.new_words))

    @property
    def has_answer(self) -> bool:
        """Whether an answer to words of this turn was requested."""
        return self._answered > 0

    @property
    def is_backchannel(self) -> bool:
        """Whether there are new words and all of them are backchannels."""
        return bool(self.new_words) and not self.needs_answer

    @property
    def is_like_nod(self) -> bool:
        """Whether the only new word is a word that recognizers write for a backchannel."""
        return is_misheard_backchannel(self.new_words)

    def update(self, text: str) -> bool:
        """Store the recognizer's text. Return whether its words changed."""
        before = self._words
        self._text = text
        self._words = split_words(self.text)
        return self._words != before

    def with_carried(self, text: str) -> str:
        """Return a text of the recognizer, preceded by unanswered words from before the last commit."""
        return f"{self._carried} {text}".strip()

    def is_older(self, text: str) -> bool:
        """Return whether `text` has fewer words than the stored text."""
        return len(split_words(f"{self._carried} {text}")) < len(self._words)

    def mark_handled(self) -> None:
        """Mark all words so far as answered, or as needing no answer."""
        self._handled = len(self._words)
        self._handled_questions = self.text.count("?")

    def mark_answered(self) -> None:
        """Mark all words so far as having a requested answer."""
        self.mark_handled()
        self._answered = self._handled
        self.is_answered_again = 0 < self._answered <= self._owed

    def reopen(self) -> None:
        """Mark all words so far as needing an answer again, because the answer was canceled."""
        self._handled = self._handled_questions = 0
        self._owed = self._answered

    def commit(self) -> None:
        """Begin a new turn. Words without an answer are carried over."""
        is_owed = self._handled < self._owed
        self._carried = " ".join(self.new_words) if self.needs_answer else ""
        self._text = ""
        self._words = split_words(self._carried)
        self._handled = self._handled_questions = self._answered = 0
        self._owed = len(self._words) if is_owed else 0
        self.is_answered_again = False

    def interrupts(self, min_words: int) -> bool:
        """Return whether the new words over the agent take the floor, because there are enough of them, or they contain
        a demand or a question."""
        counted = without_backchannels(self.new_words)
        if len(counted) >= min_words or demands_floor(counted):
            return True
        return bool(counted) and self.text.count("?") > self._handled_questions
