"""A label and the tensor that names it, for all who choose one: a person, a new world, a gallery."""

import numpy as np

from vrgen.messages import InputValue, Knob


def label_value(knob: Knob, index: int) -> InputValue:
    """The tensor that names a label: int64 (1,), or float32 (1, n) one-hot."""
    if not knob.one_hot:
        return np.full(knob.shape, index, np.int64)
    value = np.zeros(knob.shape, np.float32)
    value[..., index] = 1.0
    return value


def label_index(knob: Knob, value: InputValue) -> int:
    """The label that a tensor names."""
    return int(np.argmax(value)) if knob.one_hot else int(value.ravel()[0])
