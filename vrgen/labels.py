"""A label and the tensor that names it, for all who choose one: a person, a new world, a gallery, a world file."""

import numpy as np

from vrgen.contract import LabelInput
from vrgen.messages import InputValue, Knob


def one_hot(of: Knob | LabelInput) -> bool:
    """Whether the tensor is float32 (1, n) rather than int64 (1,)."""
    return len(of.shape) == 2


def label_value(of: Knob | LabelInput, index: int) -> InputValue:
    """The tensor that names a label: int64 (1,), or float32 (1, n) one-hot."""
    if not one_hot(of):
        return np.full(of.shape, index, np.int64)
    value = np.zeros(of.shape, np.float32)
    value[..., index] = 1.0
    return value


def label_index(of: Knob | LabelInput, value: InputValue) -> int:
    """The label that a tensor names."""
    return int(np.argmax(value)) if one_hot(of) else int(value.ravel()[0])
