"""What is left of a demonstration's calls: both recordings and a picture of each."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from vocalized.phone import Conversation
from vocalized.picture import draw
from vocalized.scenes import Scene
from vocalized.score import picture_of


@dataclass(frozen=True, slots=True)
class Keepsakes:
    """Files in `folder`, named after the scene. root: where the server's own paths begin."""

    folder: Path
    root: Path

    def recording(self, scene: Scene) -> Path:
        """The recording that the caller's side made."""
        return self.folder / f"{scene.name}.wav"

    def save(self, scene: Scene, conversation: Conversation) -> list[tuple[str, Path]]:
        """Writes everything; returns what lies where. Raises OSError."""
        legs, transcript = conversation.record.legs, conversation.transcript
        picture = self.folder / f"{scene.name}.png"
        legs.write_wav(self.recording(scene))
        draw(picture_of(scene.title, legs, transcript), picture)
        saved = [("the caller's recording", self.recording(scene)), ("picture", picture)]
        if transcript.recording:
            servers = self.folder / f"{scene.name}-server.wav"
            shutil.copyfile(self.root / transcript.recording, servers)
            saved.insert(1, ("the server's recording", servers))
        return saved
