"""Opening the models."""

from pathlib import Path

import pytest

from media.turn.onnx_models import SMART_TURN, ModelError, find_pipecat_file, open_session


def test_a_model_of_pipecats_is_found_without_importing_it() -> None:
    assert find_pipecat_file(SMART_TURN).is_file()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelError, match=r"no-such\.onnx"):
        find_pipecat_file(Path("no-such.onnx"))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        open_session(tmp_path / "gone.onnx", set(), 1)


def test_error_names_a_file_that_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        open_session(path, set(), 1)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="input_features"):
        open_session(find_pipecat_file(SMART_TURN), {"input", "state"}, 1)
