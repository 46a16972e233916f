"""The caller's voice."""

import asyncio

from vocalized.caller.voice import CallerVoice


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


async def test_voice_is_loaded_at_first_use_and_synthesizes_each_text_once() -> None:
    engine = Loaded()
    voice = CallerVoice(engine.load)
    assert engine.loads == 0
    spoken = await asyncio.gather(*(voice(text) for text in ("a", "b", "a", "a")))
    assert spoken == [b"a", b"b", b"a", b"a"]
    assert (engine.loads, engine.spoken) == (1, ["a", "b"])
