"""scikit-learn's digits as a dataset: 1 797 handwritten digits, real, small, and in every installation."""

from pathlib import Path

import numpy as np
from PIL import Image

from vrgen.training.dataset import Dataset, described, write

SIZE = 28
SOURCE = "scikit-learn digits (UCI: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998)"
LICENCE = "CC-BY-4.0"


def digits(folder: Path) -> Dataset:
    """The digits, 8 × 8 in 17 greys, resized to 28 × 28; written to `folder` where they are not there yet."""
    if (folder / "dataset.json").is_file():
        return Dataset.open(folder)
    from sklearn.datasets import load_digits

    found = load_digits()
    small = np.asarray(found.images, np.float32) * (255.0 / 16.0)
    large = [Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for picture in small]
    data = np.stack([np.asarray(picture).clip(0.0, 255.0).round() for picture in large]).astype(np.uint8)[:, None]
    labels = [str(label) for label in found.target]
    about = described("digits", "picture", data, channels=["grey"], source=SOURCE, licence=LICENCE, labels=labels)
    return write(folder, about, data)
