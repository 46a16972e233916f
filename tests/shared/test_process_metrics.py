"""Where the metrics of several processes are added up: not on a disk, because a full one would end the processes."""

from pathlib import Path
from tempfile import gettempdir

from shared.process_metrics import metrics_folder


def test_the_folder_is_in_memory_and_removed(tmp_path: Path) -> None:
    with metrics_folder(tmp_path) as folder:
        assert Path(folder).parent == tmp_path
        (Path(folder) / "counter_1.db").write_bytes(b"")
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_in_memory_it_is_a_temporary_one(tmp_path: Path) -> None:
    with metrics_folder(tmp_path / "missing") as folder:
        assert Path(folder).parent == Path(gettempdir())
