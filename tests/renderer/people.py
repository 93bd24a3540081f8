"""Persons with things in their hands, made of arithmetic: for tests and golden pictures."""

import numpy as np

from vrgen.geometry import Array, Vec3, multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import ButtonLabel, Side
from vrgen.scene_model import HeldModel

SAYS: dict[Side, tuple[ButtonLabel, ...]] = {
    "left": (
        ButtonLabel("thumbstick", "move · press: pause", "pause"),
        ButtonLabel("trigger", "pick", "pick"),
        ButtonLabel("squeeze", "drag the latent", "drag"),
        ButtonLabel("a", "like", "like"),
        ButtonLabel("b", "dislike", "dislike"),
        ButtonLabel("trackpad", "run", "run"),
    ),
    "right": (
        ButtonLabel("thumbstick", "turn · forward: teleport", "teleport"),
        ButtonLabel("trigger", "pick", "pick"),
        ButtonLabel("squeeze", "drag the latent", "drag"),
        ButtonLabel("a", "new world", "new_world"),
        ButtonLabel("b", "undo", "undo"),
        ButtonLabel("trackpad", "redo", "redo"),
    ),
}


def grip(at: Vec3, yaw_rad: float = 0.0, pitch_rad: float = 0.75) -> Array:
    """`world_from_grip` of a hand at `at` (metres, world) that points forwards and up a little."""
    return transform(at, multiply(yaw_quat(yaw_rad), pitch_quat(pitch_rad)))


def controllers(
    eye: Vec3, model: str = "index", labelled: bool = False, pressed: frozenset[str] = frozenset()
) -> tuple[HeldModel, HeldModel]:
    """Both, as one holds them while looking at them; `pressed` on the right one."""
    x, y, z = eye
    left, right = grip((x - 0.2, y - 0.26, z - 0.42), -0.15), grip((x + 0.2, y - 0.26, z - 0.42), 0.15)
    return (
        HeldModel(model, "left", left, frozenset(), labelled, SAYS["left"]),
        HeldModel(model, "right", right, pressed, labelled, SAYS["right"]),
    )


def hand(side: Side, world_from_hand: Array) -> Array:
    """(26, 4) joints of an open hand, palm down, fingers to -Z, its wrist at the frame's origin."""
    mirrored = 1.0 if side == "right" else -1.0
    joints = np.zeros((26, 4))
    joints[0], joints[1] = (0.0, 0.0, -0.05, 0.02), (0.0, 0.0, 0.0, 0.022)
    joints[2:6] = [
        (-0.022, -0.006, -0.028, 0.0160),
        (-0.045, -0.012, -0.062, 0.0135),
        (-0.060, -0.014, -0.090, 0.0110),
        (-0.068, -0.014, -0.108, 0.0090),
    ]
    for finger, (x, spread, lengths, radius) in enumerate(
        (
            (-0.018, -0.10, (0.065, 0.040, 0.025, 0.020), 0.0100),
            (0.000, -0.02, (0.066, 0.044, 0.028, 0.021), 0.0100),
            (0.016, 0.06, (0.060, 0.041, 0.026, 0.020), 0.0095),
            (0.030, 0.16, (0.054, 0.032, 0.020, 0.018), 0.0085),
        )
    ):
        at = np.array([0.75 * x, 0.0, -0.025])
        joints[6 + 5 * finger] = (*at, 0.0125)
        for k, length in enumerate(lengths):
            turn = spread * (0.6 if k == 0 else 1.0)
            at = at + length * np.array([np.sin(turn), 0.0, -np.cos(turn)]) + (0.25 * x * (k == 0), 0.0, 0.0)
            joints[7 + 5 * finger + k] = (at[0], -0.010 * k**1.5, at[2], radius + 0.001 - 0.001 * k)
    joints[:, 0] *= mirrored
    joints[:, :3] = joints[:, :3] @ world_from_hand[:3, :3].T + world_from_hand[:3, 3]
    return joints


def thrown(start: Vec3, speed_mps: Vec3, seconds: float, points: int = 60) -> Array:
    """(N, 3) of what is thrown and falls."""
    t = np.linspace(0.0, seconds, points)[:, None]
    return np.array(start) + np.array(speed_mps) * t + np.array([0.0, -4.905, 0.0]) * t * t
