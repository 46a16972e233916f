"""Files that hold secrets."""

import os
from pathlib import Path


def write_secret(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read. It is replaced as a whole, also when process or machine fail."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    unfinished.rename(path)
