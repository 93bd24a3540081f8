"""Models of hand controllers: what ships is what was made, and every button has its place."""

import hashlib
import re

import numpy as np
import pytest

from vrgen.display.headless import HeadlessDisplay
from vrgen.resources import ASSETS

FOLDER = ASSETS / "controllers"
LISTED = dict(
    re.findall(
        r"^\| `([\w.-]+)` \|.*`(\w{64})` \|$", (ASSETS / "licences/controllers.md").read_text(), re.MULTILINE
    )
)
BUTTONS = {
    "index": {"trigger", "squeeze", "thumbstick", "trackpad", "a", "b"},
    "vive": {"trigger", "squeeze", "trackpad", "menu"},
    "touch": {"trigger", "squeeze", "thumbstick"},
    "touch-plus": {"trigger", "squeeze", "thumbstick"},
    "touch-pro": {"trigger", "squeeze", "thumbstick"},
    "wmr": {"trigger", "squeeze", "thumbstick", "trackpad", "menu"},
    "hp": {"trigger", "squeeze", "thumbstick", "menu"},
    "cosmos": {"trigger", "squeeze", "thumbstick", "shoulder"},
    "focus3": {"trigger", "squeeze", "thumbstick"},
    "pico": {"trigger", "squeeze", "thumbstick"},
}
ABXY = {"left": {"x", "y"}, "right": {"a", "b"}}


def test_models_are_listed_with_their_digests() -> None:
    assert {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in FOLDER.glob("*")} == LISTED


def test_models_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < 1.5e6


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", [*BUTTONS, "", "of a later year"])
def test_a_model_is_whole(gl_context: HeadlessDisplay, name: str, side: str) -> None:
    from vrgen.renderer.controllers import load_controller

    model = load_controller(name, side)  # type: ignore[arg-type]
    wanted = BUTTONS.get(name, {"trigger", "squeeze", "thumbstick", "trackpad", "menu", "a", "b", "x", "y"})
    if {"trigger", "thumbstick"} <= wanted and name not in ("index", "wmr", ""):
        wanted = wanted | (ABXY[side] if name in BUTTONS else set())
    assert wanted <= set(model.buttons)
    at = model.vertices["position"]
    assert model.faces.max() < len(at) and len(model.faces) < 8000
    assert np.abs(at).max() < 0.2  # metres from the hand
    assert model.anchors.shape == (len(model.buttons), 3)
    for anchor, pressed in zip(model.anchors, model.pressed_from_rest):
        assert np.linalg.norm(at - anchor, axis=1).min() < 0.02, "a label points at the controller"
        assert np.linalg.det(pressed[:3, :3]) == pytest.approx(1.0, abs=0.02)
        moved = pressed @ (*anchor, 1.0)
        assert np.linalg.norm(moved[:3] - anchor) < 0.012
    normals = model.vertices["normal"][:, :3].astype(float)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(127, abs=4)
    corners = at[model.faces.astype(int)]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.einsum("ij,ij->i", across, normals[model.faces[:, 0].astype(int)])
    assert (outward >= 0).mean() > 0.97, "triangles are counter-clockwise from outside"


def test_hands_are_not_mixed_up(gl_context: HeadlessDisplay) -> None:
    from vrgen.renderer.controllers import load_controller

    for name in ("index", "touch", "pico"):
        left, right = (load_controller(name, side).vertices["position"] for side in ("left", "right"))
        assert left.mean(axis=0)[0] * right.mean(axis=0)[0] < 0, "one is the other's mirror image"
