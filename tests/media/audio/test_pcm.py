"""Whole samples of any chunks, and the import of the C routines."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import WholeSamples, swap_bytes


def test_swapping_twice_restores_the_bytes() -> None:
    assert swap_bytes(b"\x01\x02\x03\x04") == b"\x02\x01\x04\x03"
    assert swap_bytes(swap_bytes(b"\x01\x02")) == b"\x01\x02"


def test_an_even_chunk_is_returned_as_it_is() -> None:
    chunk = bytes(320)
    assert WholeSamples().push(chunk) is chunk


@given(st.lists(st.binary(max_size=9)))
def test_whole_samples_are_cut_from_any_chunks(chunks: list[bytes]) -> None:
    whole = WholeSamples()
    out = [whole.push(chunk) for chunk in chunks]
    data = b"".join(chunks)
    assert all(len(piece) % 2 == 0 for piece in out)
    assert b"".join(out) == data[: len(data) & ~1]


def test_import_raises_no_warning() -> None:
    """In a new interpreter, because in this one the module is already imported."""
    subprocess.run([sys.executable, "-W", "error", "-c", "import media.audio.pcm"], check=True)


def test_only_that_one_warning_is_silenced(tmp_path: Path) -> None:
    """Other warnings, during the import and after it, are shown."""
    (tmp_path / "audioop.py").write_text("import warnings; warnings.warn('of the import', DeprecationWarning)")
    after = "import media.audio.pcm, warnings; warnings.warn('afterwards', DeprecationWarning)"
    for path, script, warning in ((tmp_path, "import media.audio.pcm", b"of the import"), ("", after, b"afterwards")):
        python = [sys.executable, "-W", "error", "-c", script]
        run = subprocess.run(python, check=False, capture_output=True, env={"PYTHONPATH": str(path)})
        assert run.returncode == 1
        assert b"DeprecationWarning: " + warning in run.stderr
