"""What every shader knows about a frame: the uniform block of shaders/frame.glsl, filled from scene and views."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, inverse_rigid, projection
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
        world_from_eye = view.world_from_eye.copy()
        world_from_eye[:3, 3] -= origin
        fov = view.fov
        self.eye: Array = world_from_eye[:3, 3]
        self.clip_from_world: Array = projection(fov, NEAR_M) @ inverse_rigid(world_from_eye)
        left, right = np.tan(fov.left_rad), np.tan(fov.right_rad)
        down, up = np.tan(fov.down_rad), np.tan(fov.up_rad)
        self.pixel_rad = float(up - down) / view.rect_px[3]
        eye_from_ndc = np.zeros((4, 4))
        eye_from_ndc[0, 0], eye_from_ndc[0, 2] = (right - left) / 2, (right + left) / 2
        eye_from_ndc[1, 1], eye_from_ndc[1, 2] = (up - down) / 2, (up + down) / 2
        eye_from_ndc[2, 2] = -1
        self.ray_from_ndc: Array = np.zeros((4, 4))
        self.ray_from_ndc[:3, :3] = world_from_eye[:3, :3] @ eye_from_ndc[:3, :3]


def fill(block: npt.NDArray[np.void], scene: Scene, cameras: Sequence[Camera], sky_levels: int) -> None:
    """Write a FRAME record; the shadow members are the shadow pass's own."""
    for i, camera in enumerate(cameras):
        block["clip_from_world"][i] = camera.clip_from_world.T
        block["ray_from_ndc"][i] = camera.ray_from_ndc.T
        block["eye"][i, :3] = camera.eye
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
    block["ground_origin"] = ((x % around_m) / spacing_m, y, (z % around_m) / spacing_m, 0.0)
    for i, name in enumerate(("ground", "cliff")):
        fade = scene.surfaces[name]
        for j, surface in enumerate((fade.shown, fade.arriving or fade.shown)):
            block["surface_scale"][2 * i + j] = 1.0 / surface.metres
            block["surface_phase"][i, 2 * j : 2 * j + 2] = (x / surface.metres) % 1.0, (z / surface.metres) % 1.0
        block["surface_mix"][i] = fade.weight
    pixel = min(camera.pixel_rad for camera in cameras)
    block["objects"][:3] = scene.objects.arrival, scene.time_s % 3600.0, pixel
