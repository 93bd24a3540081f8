"""Generated pictures → pictures to hang."""

import numpy as np

from vrgen.contract import PictureOutput
from vrgen.messages import Output
from vrgen.scene.colours import encoded
from vrgen.scene_model import PICTURE_PX, Picture, new_id

_CRISP_PX = 64
"""Where they are to be crisp, pictures up to this size show their pixels; larger ones are smooth."""


def picture_of(output: Output, crisp: bool = False) -> Picture:
    """A picture output as a square one.

    Raises:
        Lost: it was arriving and will not (colours.py); while it arrives, this waits.
    """
    from PIL import Image  # not before the first picture: the first frame needs none

    assert isinstance(output.spec, PictureOutput)
    made = Image.fromarray(encoded(output.arrays[""], output.spec.range, output.arrival))
    way = Image.Resampling.NEAREST if crisp and max(made.size) <= _CRISP_PX else Image.Resampling.LANCZOS
    return Picture(new_id(), np.asarray(made.resize((PICTURE_PX, PICTURE_PX), way).convert("RGBA")))
