"""What is left of a demonstration's calls: both recordings and a picture of each."""

from dataclasses import dataclass
from pathlib import Path

from vocalized.phone import Conversation
from vocalized.picture import draw
from vocalized.scenes import Scene
from vocalized.score import picture_of


@dataclass(frozen=True, slots=True)
class Keepsakes:
    """Files in `folder`, named after the scene."""

    folder: Path

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
        if conversation.recording is not None:
            servers = self.folder / f"{scene.name}-server.wav"
            servers.write_bytes(conversation.recording)
            saved.insert(1, ("the platform's recording", servers))
        return saved
