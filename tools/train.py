"""Train one of the bundled checkpoints again: ``python tools/train.py terrain --seconds 1800``.

``prompts`` comes last: it puts what follows a text into the four that are there.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["sky", "materials", "terrain", "rocks", "prompts"])
    parser.add_argument("--out", type=Path, help="default: assets/checkpoints/WHAT.pt; of prompts, the folder")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / ".cache" / "training")
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long to train")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    sys.path.insert(0, str(REPOSITORY))
    from vrgen.training.allocator import start_again

    start_again([sys.executable, *sys.argv])
    if arguments.what == "prompts":
        from vrgen.generator.encoders import Encoders
        from vrgen.training import prompts

        arguments.cache.mkdir(parents=True, exist_ok=True)
        out = arguments.out or REPOSITORY / "assets" / "checkpoints"
        prompts.train(out, arguments.cache, Encoders().embed, seed=arguments.seed)
        return
    training = importlib.import_module(f"vrgen.training.{arguments.what}")
    out = arguments.out or REPOSITORY / "assets" / "checkpoints" / f"{arguments.what}.pt"
    arguments.cache.mkdir(parents=True, exist_ok=True)
    training.train(out, arguments.cache, seed=arguments.seed, seconds=arguments.seconds)


if __name__ == "__main__":
    main()
