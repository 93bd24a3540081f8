"""Text that steers: between the stages a prompt travels like every other input, as an array of its UTF-8 bytes.

The worker turns it into the numbers that a checkpoint takes (`generator/encoders.py`); an empty prompt is none.
"""

import numpy as np

from vrgen.messages import InputValue

LONGEST = 4000
"""Characters; what follows is cut off. It is more than an encoder reads, which says where it stops."""


def prompt_value(text: str) -> InputValue:
    """(n,) uint8, the text with its white space made plain."""
    plain = " ".join(text.split())[:LONGEST].rstrip()
    return np.frombuffer(plain.encode("utf-8", "replace"), np.uint8)


def prompt_text(value: InputValue) -> str:
    """The text of such an array; "" for none."""
    return value.astype(np.uint8).tobytes().decode("utf-8", "replace")


def is_prompt(value: InputValue) -> bool:
    """Whether an array holds text rather than numbers."""
    return value.dtype == np.uint8 and value.ndim == 1
