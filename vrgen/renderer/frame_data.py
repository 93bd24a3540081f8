"""What every shader knows about a frame: the uniform block of shaders/frame.glsl, filled from scene and views."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.messages import View
from vrgen.scene_model import Scene

NEAR_M = 0.05
FRAME = np.dtype(
    [
        ("clip_from_world", np.float32, (2, 4, 4)),
        ("ray_from_ndc", np.float32, (2, 4, 4)),
        ("eye", np.float32, (2, 4)),
        ("shadow_from_world", np.float32, (3, 4, 4)),
        ("shadow_reach", np.float32, 4),
        ("sun_direction", np.float32, 4),
        ("sun_irradiance", np.float32, 4),
        ("ambient", np.float32, (9, 4)),
        ("sky_mix", np.float32, 4),
        ("ground", np.float32, 4),
        ("ground_mix", np.float32, 4),
        ("ground_origin", np.float32, 4),
        ("surface_scale", np.float32, 4),
        ("surface_mix", np.float32, 4),
        ("surface_phase", np.float32, (2, 4)),
        ("objects", np.float32, 4),
    ]
)
"""std140: every member is made of vec4s, so offsets follow without padding. Matrices are stored by columns."""

SINK_M = 40.0
"""How far below its height the ground stands where it is not there yet."""


class Camera:
    """One view in the frame of the drawing origin."""

    def __init__(self, view: View, origin: tuple[float, float, float]) -> None:
        # Number by number: on matrices this small every call to numpy costs more than the sums.
        (a, b, c, x), (d, e, f, y), (g, h, i, z), _ = view.world_from_eye.tolist()
        x, y, z = x - origin[0], y - origin[1], z - origin[2]
        fov = view.fov
        left, right = math.tan(fov.left_rad), math.tan(fov.right_rad)
        down, up = math.tan(fov.down_rad), math.tan(fov.up_rad)
        self.eye = (x, y, z)
        self.pixel_rad = (up - down) / view.rect_px[3]
        back = (c, f, i, -(c * x + f * y + i * z))
        wide, aside = 2 / (right - left), (right + left) / (right - left)
        high, above = 2 / (up - down), (up + down) / (up - down)
        ours = (a, d, g, -(a * x + d * y + g * z)), (b, e, h, -(b * x + e * y + h * z))
        self.clip_from_world = (
            tuple(wide * across + aside * along for across, along in zip(ours[0], back)),
            tuple(high * across + above * along for across, along in zip(ours[1], back)),
            (0.0, 0.0, 0.0, NEAR_M),
            tuple(-along for along in back),
        )
        """Rows of `projection(view.fov, NEAR_M) @ inverse_rigid(world_from_eye)`."""
        width, height = (right - left) / 2, (up - down) / 2
        aside, above = (right + left) / 2, (up + down) / 2
        self.ndc_to_ray = (
            (a * width, d * width, g * width, 0.0),
            (b * height, e * height, h * height, 0.0),
            (a * aside + b * above - c, d * aside + e * above - f, g * aside + h * above - i, 0.0),
            (0.0, 0.0, 0.0, 0.0),
        )
        """Columns of `ray_from_ndc`: a direction in the world = the sum of them by x, y, 1 and 0."""


def gone(scene: Scene) -> float:
    """How much of the ground has given way: the plain one does, to a sky that has a floor of its own."""
    sky, ground = scene.sky, scene.ground
    if ground.shown.epoch >= 0 or ground.arriving is not None:
        return 0.0
    arriving = sky.weight if sky.arriving is not None else 0.0
    deep = (sky.shown.relief is not None, sky.arriving is not None and sky.arriving.relief is not None)
    return (1.0 - arriving) * deep[0] + arriving * deep[1]


def fill(
    block: npt.NDArray[np.void], scene: Scene, cameras: Sequence[Camera], clip_from_world: Array, sky_levels: int
) -> None:
    """Write a FRAME record; the shadow members are the shadow pass's own. `clip_from_world`: (V, 4, 4), the
    cameras'."""
    count = len(cameras)
    block["clip_from_world"][:count] = clip_from_world.transpose(0, 2, 1)
    block["ray_from_ndc"][:count] = [camera.ndc_to_ray for camera in cameras]
    block["eye"][:count, :3] = [camera.eye for camera in cameras]
    light = scene.light
    block["sun_direction"][:3] = light.sun_direction
    block["sun_direction"][3] = scene.fog_m
    block["sun_irradiance"][:3] = light.sun_irradiance
    block["sun_irradiance"][3] = light.exposure
    block["ambient"][:, :3] = light.ambient_sh
    block["sky_mix"] = (scene.sky.weight, sky_levels - 1, 60.0, 0.0)
    ground = scene.ground
    shown = ground.shown
    cells = shown.samples - 1
    spacing_m = shown.metres / cells
    x, y, z = scene.origin
    around_m = shown.metres * ground.grid
    block["ground"] = (spacing_m, cells, cells * ground.grid, ground.grid)
    block["ground_mix"] = (float(ground.arriving is not None), SINK_M, x, z)
    block["ground_origin"] = ((x % around_m) / spacing_m, y, (z % around_m) / spacing_m, gone(scene))
    for i, name in enumerate(("ground", "cliff")):
        fade = scene.surfaces[name]
        for j, surface in enumerate((fade.shown, fade.arriving or fade.shown)):
            block["surface_scale"][2 * i + j] = 1.0 / surface.metres
            block["surface_phase"][i, 2 * j : 2 * j + 2] = (x / surface.metres) % 1.0, (z / surface.metres) % 1.0
        block["surface_mix"][i] = fade.weight
    pixel = min(camera.pixel_rad for camera in cameras)
    block["objects"][:3] = scene.objects.arrival, scene.time_s % 3600.0, pixel
