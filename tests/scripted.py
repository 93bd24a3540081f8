"""Programs of tests, each in a process of its own beside the modules that tests share."""

import subprocess
import sys
from pathlib import Path


def run(program: str, *given: object) -> "subprocess.CompletedProcess[str]":
    """To its end, which must come within four minutes."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
