"""How long a provider may take before slow counts as down."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds.

    open_s: to open a recogniser's session.
    transcript_s: from `finalise` to its final text.
    first_token_s: from a request to the model's first sign of life.
    token_s: between two events of a model.
    audio_s: from the text that a voice can begin with (and from each piece of audio, while text is left) to its audio.
    last_s: at least so long for the last one that is left: late is better than never.
    rest_s: a provider that failed is the last choice for so long; then it is the first choice again.
    """

    open_s: float = 3.0
    transcript_s: float = 2.0
    first_token_s: float = 4.0
    token_s: float = 4.0
    audio_s: float = 2.0
    last_s: float = 8.0
    rest_s: float = 30.0

    def of(self, *, last: bool) -> "Deadlines":
        """The deadlines of a provider, by whether it is the last one that is left."""
        if not last:
            return self
        first_token_s, token_s, audio_s = (
            max(self.last_s, s) for s in (self.first_token_s, self.token_s, self.audio_s)
        )
        return replace(self, first_token_s=first_token_s, token_s=token_s, audio_s=audio_s)
