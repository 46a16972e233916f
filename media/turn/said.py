"""The caller's uncommitted words: which of them are new, and what they amount to over a speaking agent."""

from media.turn.words import demands_floor, without_nods, words


class Said:
    """The text of one turn so far. The recogniser replaces it as a whole; a count of words tells what is dealt with."""

    def __init__(self) -> None:
        self._carried = ""
        self._text = ""
        self._words: list[str] = []
        self._dealt = 0
        self._dealt_questions = 0

    @property
    def text(self) -> str:
        """The whole turn, with words that were said before the last commit and never answered."""
        return f"{self._carried} {self._text}".strip()

    @property
    def new(self) -> list[str]:
        """The words not dealt with yet."""
        return self._words[self._dealt :]

    def hear(self, text: str) -> bool:
        """Takes the recogniser's text; True when its words changed."""
        before = self._words
        self._text = text
        self._words = words(self.text)
        return self._words != before

    def is_older(self, text: str) -> bool:
        """Whether `text` has fewer words than are already known."""
        return len(words(f"{self._carried} {text}")) < len(self._words)

    def deal(self) -> None:
        """Everything so far was answered, or needs no answer."""
        self._dealt = len(self._words)
        self._dealt_questions = self.text.count("?")

    def reopen(self) -> None:
        """The answer was given up: everything so far needs one again."""
        self._dealt = self._dealt_questions = 0

    def commit(self) -> None:
        """The recogniser starts afresh; words that nobody has answered are carried over."""
        self._carried = " ".join(self.new) if self.matters else ""
        self._text = ""
        self._words = words(self._carried)
        self._dealt = self._dealt_questions = 0

    @property
    def matters(self) -> bool:
        """Whether anything new is more than a backchannel."""
        return bool(without_nods(self.new))

    def interrupts(self, min_words: int) -> bool:
        """Whether the new words, said over the agent, ask for the floor: enough of them, a demand or a question."""
        counted = without_nods(self.new)
        if len(counted) >= min_words or demands_floor(counted):
            return True
        return bool(self.new) and self.text.count("?") > self._dealt_questions
