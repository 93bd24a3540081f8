"""Models of hand controllers, as tools/controllers.py made them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from vrgen.messages import Side
from vrgen.resources import ASSETS

CONTROLLERS = ASSETS / "controllers"
UNIT_M = 1e-5
"""Positions in the files are whole numbers of this."""

VERTEX = np.dtype([("position", np.float32, 3), ("normal", np.int8, 4), ("tint", np.uint8, 3), ("part", np.uint8)])
_DIRECTIONS = np.array([d for d in product((-1, 0, 1), repeat=3) if any(d)], np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class ControllerModel:
    """One controller, metres, in the frame of the grip pose.

    `vertices`: (V,) of `VERTEX`. `faces`: (F, 3) uint16. `buttons`: OpenXR's names; button i is part i + 1 of the
    vertices, a label of it points at `anchors[i]` (3,) metres, pressed it stands at `pressed_from_rest[i]` (4, 4).
    """

    vertices: npt.NDArray[np.void]
    faces: npt.NDArray[np.uint16]
    buttons: tuple[str, ...]
    anchors: npt.NDArray[np.float32]
    pressed_from_rest: npt.NDArray[np.float32]
    outline: npt.NDArray[np.float32]
    """(26, 3) metres: the vertices that lie farthest out, each in another direction."""


def load_controller(model: str, side: Side) -> ControllerModel:
    """The model of that name for that hand; the plain one where there is none."""
    names = (f"{model}-{side}", model, "generic")
    path = next(path for path in (CONTROLLERS / f"{name}.npz" for name in names) if path.is_file())
    with np.load(path) as held:
        vertices = np.zeros(len(held["position"]), VERTEX)
        vertices["position"] = held["position"].astype(np.float32) * UNIT_M
        vertices["normal"][:, :3] = held["normal"]
        vertices["tint"] = held["colour"]
        vertices["part"] = held["part"]
        buttons = tuple(str(name) for name in held["buttons"])
        far = vertices["position"][np.argmax(vertices["position"] @ _DIRECTIONS.T, axis=0)]
        return ControllerModel(vertices, held["faces"], buttons, held["anchors"], held["pressed"], far)
