"""Opening the models that other packages ship."""

from pathlib import Path

import pytest

from media.turn.model import SILERO, SMART_TURN, ModelError, open_session, pipecat_file


@pytest.mark.parametrize("name", [SILERO, SMART_TURN])
def test_the_models_are_found_without_importing_their_package(name: Path) -> None:
    assert pipecat_file(name).is_file()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelError, match=r"no-such\.onnx"):
        pipecat_file(Path("no-such.onnx"))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        open_session(tmp_path / "gone.onnx", set(), 1)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        open_session(path, set(), 1)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="input_features"):
        open_session(pipecat_file(SMART_TURN), {"input", "state", "sr"}, 1)
