"""The caller's voice."""

import asyncio

from vocalized.voice import CallerVoice


class Loaded:
    """Counts how often it was loaded and what it spoke."""

    def __init__(self) -> None:
        self.loads = 0
        self.spoken: list[str] = []

    def load(self) -> "Loaded":
        self.loads += 1
        return self

    def __call__(self, text: str) -> bytes:
        self.spoken.append(text)
        return text.encode()


async def test_it_is_loaded_when_first_needed_and_speaks_each_text_once() -> None:
    engine = Loaded()
    voice = CallerVoice(engine.load)
    assert engine.loads == 0
    said = await asyncio.gather(*(voice(text) for text in ("a", "b", "a", "a")))
    assert said == [b"a", b"b", b"a", b"a"]
    assert (engine.loads, engine.spoken) == (1, ["a", "b"])
