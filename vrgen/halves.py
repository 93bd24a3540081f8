"""Half floats of light, which is finite and not negative, from and to float32: numpy works through one number at a
time, which takes three to six times as long.

A half float's bits, moved to where float32 has its own, are the number divided by 2¹¹²; the smallest ones too.
"""

import numpy as np
import numpy.typing as npt

_FACTOR = np.float32(2.0**112)
_UNSIGNED = np.uint32(0x0FFFE000)
_LOST_BITS = np.uint32(13)


def floats(light: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """The same numbers. Of one below 0 the sign is lost; one that is not finite becomes 65536 or more."""
    bits = light.view(np.uint16).astype(np.uint32)
    bits <<= _LOST_BITS
    bits &= _UNSIGNED  # -0.0 too
    made = bits.view(np.float32)
    made *= _FACTOR
    return made


def halves(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """The nearest half floats of numbers from 0 to 65504; of two as near the even one."""
    bits = (light * (1 / _FACTOR)).view(np.uint32)
    odd = bits >> _LOST_BITS
    odd &= np.uint32(1)
    odd += np.uint32((1 << 12) - 1)
    bits += odd
    bits >>= _LOST_BITS
    return bits.astype(np.uint16).view(np.float16)
