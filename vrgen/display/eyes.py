"""Eyes of a person on a flat screen: one camera, or two side by side."""

import math

from vrgen.geometry import Fov, multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import Person, View

VERTICAL_FOV_RAD = math.radians(70.0)
HALF_EYE_DISTANCE_M = 0.0315


def eye_views(person: Person, framebuffer: int, size_px: tuple[int, int], stereo: bool) -> tuple[View, ...]:
    """One view that fills `size_px`, or a left and a right half with the eyes 63 mm apart."""
    x, y, z = person.feet_world
    turn = multiply(yaw_quat(person.yaw_rad), pitch_quat(person.pitch_rad))
    world_from_head = transform((x, y + person.eye_height_m, z), turn)
    width, height = size_px
    if not stereo:
        fov = Fov.symmetric(VERTICAL_FOV_RAD, width / height)
        return (View(world_from_head, fov, framebuffer, (0, 0, width, height)),)
    half = width // 2
    fov = Fov.symmetric(VERTICAL_FOV_RAD, half / height)
    return tuple(
        View(
            world_from_head @ transform((side * HALF_EYE_DISTANCE_M, 0.0, 0.0)),
            fov,
            framebuffer,
            (left, 0, half, height),
        )
        for side, left in ((-1, 0), (1, half))
    )
