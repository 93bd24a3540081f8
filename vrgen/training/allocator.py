"""glibc's allocator set for training: it otherwise returns large blocks after every step and faults them in again.

A small GAN's step took 0.70 s instead of 1.5 s on two cores. glibc reads the settings once, when a process starts:
hence the second start.
"""

import os
import sys
from collections.abc import Sequence

SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "10000000000",
    "MALLOC_TOP_PAD_": "500000000",
}


def start_again(command: Sequence[str]) -> None:
    """Become `command` with the settings in its environment, unless this process has them, or has no glibc."""
    if sys.platform != "linux" or all(os.environ.get(key) == value for key, value in SETTINGS.items()):
        return
    sys.stdout.flush()
    os.execve(command[0], [*command], {**os.environ, **SETTINGS})
