"""Train one of the bundled checkpoints again: ``python tools/train.py terrain --seconds 1800``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

# glibc gives large blocks back after every step and faults them in again: a step takes half the time with these.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "10000000000",
    "MALLOC_TOP_PAD_": "500000000",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["sky", "materials", "terrain", "rocks"])
    parser.add_argument("--out", type=Path, help="default: assets/checkpoints/WHAT.pt")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / ".cache" / "training")
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long to train")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    if sys.platform == "linux" and any(os.environ.get(key) != MALLOC[key] for key in MALLOC):
        # read once, when the process starts: hence the second start
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC})

    sys.path.insert(0, str(REPOSITORY))
    training = importlib.import_module(f"vrgen.training.{arguments.what}")
    out = arguments.out or REPOSITORY / "assets" / "checkpoints" / f"{arguments.what}.pt"
    arguments.cache.mkdir(parents=True, exist_ok=True)
    training.train(out, arguments.cache, seed=arguments.seed, seconds=arguments.seconds)


if __name__ == "__main__":
    main()
