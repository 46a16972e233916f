"""Files of runs: a run that was stopped goes on, one of other code or settings begins anew."""

from pathlib import Path

import msgspec
import pytest

from lab.listening.clips import ClipAudio
from lab.listening.families import FAMILIES, FamilyInput, run_families
from lab.listening.results import ListeningRun
from lab.listening.rooms import NoiseCase
from lab.listening.saved_run import FolderInUse, code_version, load_run, only_process, save
from lab.listening.virtual_call import CallSetup, ListeningEngines
from media.providers.local.speech import Recognition


class Deaf:
    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition("", 0.0)


def run(code: str = "v1", **changes: object) -> ListeningRun:
    return msgspec.structs.replace(ListeningRun("development", 200, 80, 600, False, code=code), **changes)


def test_a_run_goes_on_with_the_families_that_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told, engines = tmp_path / "folder" / "run.json", list[tuple[str, int]](), ListeningEngines(Deaf())
    monkeypatch.setitem(FAMILIES, "noise", lambda given: iter([NoiseCase("hiss", 1.0, 0)] * 60))

    def go_on(names: list[str]) -> ListeningRun:
        result = load_run(path, run())

        def tell(name: str, count: int, seconds: float) -> None:
            told.append((name, count))
            if name in result.done:
                save(path, result)

        run_families(names, FamilyInput(result, ClipAudio(tmp_path), CallSetup(), engines), tell)
        return result

    def stop(given: FamilyInput) -> object:
        raise KeyboardInterrupt

    monkeypatch.setitem(FAMILIES, "quiet", stop)
    with pytest.raises(KeyboardInterrupt):
        go_on(["noise", "quiet"])
    assert told == [("noise", 50), ("noise", 60)]
    monkeypatch.setitem(FAMILIES, "noise", stop)
    monkeypatch.setitem(FAMILIES, "quiet", lambda given: iter(()))
    result = go_on(["noise", "quiet"])
    assert (len(result.noise), result.quiet, result.done) == (60, [], ["noise", "quiet"])
    assert load_run(path, run()) == result
    assert [one.name for one in path.parent.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "wanted", [run("v2"), run(llm_ms=300), run(smart_turn=True), run(every=4), run(set="held_out"), run(teacher=True)]
)
def test_a_run_of_other_code_or_settings_begins_anew(tmp_path: Path, wanted: ListeningRun) -> None:
    save(tmp_path / "run.json", run(done=["noise"]))
    assert load_run(tmp_path / "run.json", wanted) is wanted


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"])
def test_what_is_no_run_begins_anew(tmp_path: Path, content: bytes | None) -> None:
    path, wanted = tmp_path / "run.json", run()
    if content is not None:
        path.write_bytes(content)
    assert load_run(path, wanted) is wanted


def test_the_version_is_that_of_the_code() -> None:
    assert len(code_version()) == 16 and code_version() == code_version()


def test_one_process_at_a_time_uses_a_folder(tmp_path: Path) -> None:
    with only_process(tmp_path / "cache"):
        with pytest.raises(FolderInUse, match="lock is locked"), only_process(tmp_path / "cache"):
            raise AssertionError("two at once")
        with only_process(tmp_path / "other"):
            pass
    with only_process(tmp_path / "cache"):
        pass
