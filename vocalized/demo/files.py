"""The files of the demonstration's calls: recordings and a picture of each."""

from dataclasses import dataclass
from pathlib import Path

from vocalized.caller.finished_call import FinishedCall
from vocalized.demo.calls import DemoCall
from vocalized.demo.picture import draw
from vocalized.demo.timeline import picture_of


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Files in `folder`, named after the call."""

    folder: Path

    def recording(self, call: DemoCall) -> Path:
        """The path of the caller side's recording."""
        return self.folder / f"{call.name}.wav"

    def save(self, call: DemoCall, finished: FinishedCall) -> list[tuple[str, Path]]:
        """Writes all files; returns (description, path) of each. Raises OSError."""
        legs, transcript = finished.record.audio, finished.transcript
        picture = self.folder / f"{call.name}.png"
        legs.write_wav(self.recording(call))
        draw(picture_of(call.title, legs, transcript), picture)
        saved = [("the caller's recording", self.recording(call)), ("picture", picture)]
        if finished.recording is not None:
            servers = self.folder / f"{call.name}-server.wav"
            servers.write_bytes(finished.recording)
            saved.insert(1, ("the platform's recording", servers))
        return saved
