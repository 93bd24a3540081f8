"""Prepare the datasets of the bundled world, each with a contact sheet to look at, and say what is in them.

    python tools/datasets.py -o out/datasets                 all of them
    python tools/datasets.py -o out/datasets skies earth     some

What `vrgen dataset --source NAME` makes, at the sizes that the recipes want. Packages are fetched once, at pinned
versions, and checked; 0 A.D. and Red Eclipse are 2.2 GB.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vrgen.cli import main as vrgen  # noqa: E402
from vrgen.training import contact  # noqa: E402
from vrgen.training.dataset import Dataset  # noqa: E402
from vrgen.training.resizing import Array  # noqa: E402
from vrgen.training.shading import shaded  # noqa: E402

SETS: dict[str, tuple[str, ...]] = {
    "skies": ("--source", "skies"),
    "all-skies": ("--source", "all-skies"),
    "grounds": ("--source", "grounds"),
    "grounds-128": ("--source", "grounds", "--size", "128"),
    "grounds-windows-128": ("--source", "grounds", "--size", "128", "--crop", "random", "--crops", "6"),
    "materials": ("--source", "materials"),
    "earth": ("--source", "earth"),
    "hills": ("--source", "hills"),
    "things": ("--source", "things"),
}
MOST_SHOWN = 240


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SETS))
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "datasets")
    parser.add_argument("--cache", type=Path, help="where the packages are kept")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if unknown := sorted(set(asked.names) - set(SETS)):
        parser.error(f"there is no dataset {unknown[0]!r}; choose of {', '.join(SETS)}")
    for name in asked.names or SETS:
        folder = asked.out / name
        if not folder.exists():
            cache = ["--cache", str(asked.cache)] if asked.cache else []
            status = vrgen(["dataset", *SETS[name], "-o", str(folder), *cache])
            if status:
                return status
        tell(Dataset.open(folder), asked.out / f"{name}.png")
    return 0


def tell(data: Dataset, sheet: Path) -> None:
    """Draw the sheet, and print how many items there are of each licence and label."""
    items = data.about.items[:: max(1, len(data.about.items) // MOST_SHOWN)]
    pictures = [seen(data, item.index) for item in items]
    captions = [item.text or Path(item.file).name for item in items]
    across = 6 if data.about.kind == "panorama" else 16
    contact.save(contact.sheet(pictures, captions, columns=across), sheet)
    licences = Counter(item.licence for item in data.about.items)
    labels = Counter(item.label for item in data.about.items if item.label)
    print(f"{data.folder.name}: {dict(licences)} {dict(labels) if labels else ''}; see {sheet}")


def seen(data: Dataset, index: int) -> Array:
    """One item as sRGB codes (H, W, 3)."""
    values = np.asarray(data.data[index], np.float32).transpose(1, 2, 0)
    if data.about.kind == "mesh":
        return shaded(np.array(data.data[index])).transpose(1, 2, 0)
    if data.about.kind == "panorama":
        return contact.shown(values)
    if data.about.kind == "heightfield":
        south, east = np.gradient(values[..., 0])
        lit = contact.relief(values[..., 0], float(np.median(np.hypot(south, east))))
        return np.repeat(lit[..., None], 3, -1)
    return values[..., :3] / np.float32(255)


if __name__ == "__main__":
    sys.exit(main())
