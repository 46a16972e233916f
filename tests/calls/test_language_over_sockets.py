"""A whole call in real time over sockets: a recognizer that tells languages, and a voice for each language."""

from dataclasses import replace
from pathlib import Path

import pytest

from media.call.language_names import language_name
from shared.events import AgentSaid, CallerSaid, LanguageSwitched
from shared.plan import LanguagePlan, ProviderPlan, TurnPlan
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak
from tests.calls.scripted_call import ScriptedCall, ScriptedModel
from tests.calls.scripted_recognizer import LevelVoiceTrack
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.simulator.vendors.soniox_callers import make_soniox
from vendors.soniox.simulator import SonioxSpeech, VoiceTiming

SPANISH = "quisiera reservar una mesa"


async def test_a_spanish_sentence_is_answered_by_the_spanish_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer, speech = make_soniox(SPANISH), SonioxSpeech(VendorState(key="key-b"), VoiceTiming(10, speed=20))
    recognizer.find_language = lambda word: "es" if word in SPANISH else "en"
    servers = {"a": (recognizer.state, recognizer.routes()), "b": (speech.state, speech.routes())}
    async with running_call("stt", servers, tmp_path, monkeypatch, vendor="soniox") as made:
        hears, speaks = made.plan["stt"]
        spanish = {**speaks, "options": {**speaks["options"], "voice_id": "Maya"}}
        languages = [{"language": "es-MX", "tts": [spanish]}]
        made.plan.update(stt=[hears], tts=[speaks], languages=languages)
        model = ScriptedModel(["Claro que sí."])
        plan = LanguagePlan("es-MX", tts=[ProviderPlan("b")])
        scripted = ScriptedCall(
            providers=replace(made.build(), llm=model),
            languages=[plan],
            track=LevelVoiceTrack(),
            turn=TurnPlan(silence_ms=400),
        )
        await scripted.silence(200)
        await scripted.speak(SPANISH, speak(SPANISH))
        await scripted.listen_until_quiet()
        await scripted.hang_up()
    assert [said.text for said in scripted.events_of(CallerSaid)] == [SPANISH]
    assert [said.text for said in scripted.events_of(AgentSaid)] == ["Claro que sí."]
    assert [one.language for one in scripted.events_of(LanguageSwitched)] == ["es-MX"]
    assert recognizer.starts[0]["language_hints"] == ["en", "es"]
    assert [(setting["language"], setting["voice"]) for setting in speech.settings] == [("es", "Maya")]
    assert f"[Language: {language_name('es')}]" in model.requests[-1].messages[0].note
    assert not made.failed
