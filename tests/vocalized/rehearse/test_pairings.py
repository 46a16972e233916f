"""Calls with recognisers, models and voices of different vendors, on a media node of its own."""

from pathlib import Path

from vocalized.rehearse.failover.pairings import all_pairings, find_fault, list_names, run_waves, sampled_waves

ROOT = Path(__file__).parents[3]


async def test_a_sample_of_pairings_hears_and_says_every_word(services_state: Path) -> None:
    folder = services_state / "pairings"
    folder.mkdir()
    waves = sampled_waves()
    found = await run_waves(ROOT, folder, waves, lambda one: None)
    assert len(found) == sum(map(len, waves))
    assert {one.text: fault for one, result in found.items() if (fault := find_fault(result))} == {}


def test_the_sample_has_each_provider_and_none_twice_at_once() -> None:
    waves = sampled_waves()
    for wave in waves:
        names = [name for one in wave for name in (one.stt, one.llm, one.tts)]
        assert len(set(names)) == len(names)
    used = {name for wave in waves for one in wave for name in (one.stt, one.llm, one.tts)}
    assert used == {*list_names("stt"), *list_names("llm"), *list_names("tts")}


def test_all_pairings_are_each_recogniser_with_each_voice() -> None:
    pairings = list(all_pairings())
    assert {(one.stt, one.tts) for one in pairings} == {
        (stt, tts) for stt in list_names("stt") for tts in list_names("tts")
    }
    assert {one.llm for one in pairings} == set(list_names("llm"))
