"""Known points are seen in the headset where geometry says: in both eyes, and also after the head has moved."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from points import HALF_M, POINTS
from xr_testbed.headset import Pose, RemoteState, facing
from xr_testbed.program import Program, TestbedError
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

from vrgen.geometry import Array, Fov, inverse_rigid, projection, transform
from vrgen.messages import Side

pytestmark = pytest.mark.xr

PROGRAM = Path(__file__).with_name("points_program.py")
PATHS = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests/renderer'}"}
EYE_PX = (480, 540)
"""Of one eye in the compositor's window, which shows both side by side and bends nothing."""
NEAR_PX = 2.0
HEADS = [
    facing((0.0, 1.6, 0.0)),
    facing((0.4, 1.3, 0.6), yaw_deg=12.0),
    facing((-0.5, 1.8, -0.3), yaw_deg=-15.0, pitch_deg=-14.0, roll_deg=20.0),
    facing((0.2, 1.5, 0.3), pitch_deg=10.0, roll_deg=-35.0),
]
Picture = npt.NDArray[np.uint8]


def last(program: Program, name: str) -> Any:
    """What the program said last under that name."""
    said = [json.loads(line) for line in program.said().splitlines() if line.startswith("{")]
    return next(each[name] for each in reversed(said) if name in each)


def started(testbed: Testbed, *args: str) -> Program:
    testbed.headset.send(RemoteState())
    program = testbed.popen(testbed.python(PROGRAM, *args), PATHS)
    program.wait_for('"FOCUSED"')
    program.wait_for('"eyes"')
    return program


@pytest.fixture(scope="module")
def cubes(testbed: Testbed) -> Iterator[Program]:
    """Coloured cubes at known places."""
    program = started(testbed)
    yield program
    program.end()
    testbed.headset.send(RemoteState())


@pytest.fixture
def controllers(testbed: Testbed) -> Iterator[Program]:
    program = started(testbed, "--hands")
    yield program
    program.end()
    testbed.headset.send(RemoteState())


# --- geometry ---------------------------------------------------------------------------------------------


def stage_from(pose: Pose) -> Array:
    return transform(pose.position_m, pose.orientation)


def pixels_of(points_world: Array, stage_from_eye: Array, fov: list[float], eye: int) -> Array:
    """(N, 2) column and row in the compositor's window of (N, 3) points."""
    inside = np.column_stack([points_world, np.ones(len(points_world))])
    clip = inside @ (projection(Fov(*fov), 0.05) @ inverse_rigid(stage_from_eye)).T
    ndc = clip[:, :2] / clip[:, 3:]
    width, height = EYE_PX
    return np.column_stack([(eye + (ndc[:, 0] + 1) / 2) * width, (1 - ndc[:, 1]) / 2 * height])


def eyes_of(head: Pose, told: list[dict[str, Any]]) -> list[tuple[Array, list[float]]]:
    """Where the eyes of that head are and what they see: half the distance of the told eyes to each side."""
    apart = math.dist(*(np.array(eye["world_from_eye"])[:3, 3] for eye in told))
    assert 0.055 < apart < 0.075
    return [
        (stage_from(head) @ transform((side * apart / 2, 0.0, 0.0)), eye["fov"])
        for side, eye in zip((-1, 1), told)
    ]


def of_colour(picture: Picture, colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Where the picture has what is strong in that colour, and less of what is not."""
    strong = [picture[..., i].astype(int) for i in range(3) if colour[i]]
    weak = [picture[..., i].astype(int) for i in range(3) if not colour[i]]
    low = np.min(strong, axis=0)
    return np.asarray((low > 60) & (low > np.max(weak, axis=0) + 40) & (np.ptp(strong, axis=0) < 60))


def middle(picture: Picture, colour: tuple[int, int, int], eye: int) -> tuple[float, float] | None:
    """Column and row of the middle of what has that colour in one eye."""
    width = EYE_PX[0]
    rows, columns = np.nonzero(of_colour(picture[:, eye * width : (eye + 1) * width], colour))
    return (eye * width + columns.mean() + 0.5, rows.mean() + 0.5) if len(rows) else None


def silhouette(place: tuple[float, float, float], eye: tuple[Array, list[float]], which: int) -> Array:
    """(2,) the middle of what is seen of a cube, filled from its corners: near the cube is no point."""
    from PIL import Image, ImageDraw
    from scipy.spatial import ConvexHull

    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * HALF_M + place
    seen = pixels_of(corners, *eye, which)
    outline = seen[ConvexHull(seen).vertices]
    drawn = Image.new("L", (2 * EYE_PX[0] * 4, EYE_PX[1] * 4))
    ImageDraw.Draw(drawn).polygon([tuple(p) for p in outline * 4], fill=255)
    rows, columns = np.nonzero(np.array(drawn))
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / 4


# --- tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_points_are_seen_where_the_moved_head_has_them_in_both_eyes(
    testbed: Testbed, cubes: Program, head: Pose
) -> None:
    testbed.headset.move(head=head)
    eyes = eyes_of(head, last(cubes, "eyes"))
    expected = {
        (name, which): silhouette(place, eye, which)
        for name, (place, _) in POINTS.items()
        for which, eye in enumerate(eyes)
    }
    for (_, which), (column, row) in expected.items():
        assert 20 < column - which * EYE_PX[0] < EYE_PX[0] - 20 and 20 < row < EYE_PX[1] - 20, "chosen to be seen"

    def off_px(picture: Picture) -> dict[tuple[str, int], float]:
        found = {key: middle(picture, POINTS[key[0]][1], key[1]) for key in expected}
        return {key: math.dist(at, expected[key]) if at else math.inf for key, at in found.items()}

    try:
        picture = testbed.picture_when(lambda picture: max(off_px(picture).values()) < NEAR_PX)
    except TestbedError as error:
        raise AssertionError(f"{error}: pixels off: {off_px(testbed.picture())}") from error
    assert picture.shape == (EYE_PX[1], 2 * EYE_PX[0], 3)
    told = last(cubes, "eyes")
    for eye, (stage_from_eye, _) in zip(told, eyes):
        np.testing.assert_allclose(eye["world_from_eye"], stage_from_eye, atol=1e-3)


def test_near_things_lie_farther_apart_in_the_eyes_than_far_ones(testbed: Testbed, cubes: Program) -> None:
    testbed.headset.move(head=HEADS[0])
    by_distance = sorted(POINTS, key=lambda name: POINTS[name][0][2])  # farthest first

    def apart_px(picture: Picture) -> list[float]:
        """How much farther right the left eye sees each."""
        found = [[middle(picture, POINTS[name][1], eye) for eye in (0, 1)] for name in by_distance]
        return [a[0] - (b[0] - EYE_PX[0]) if a and b else math.nan for a, b in found]

    width_of_a_metre = EYE_PX[0] / (2 * math.tan(last(cubes, "eyes")[0]["fov"][1]))
    # a metre beside the axis, at one metre's distance; eyes 63 mm apart; the cube's near face is what is seen
    expected = [0.063 * width_of_a_metre / (-POINTS[name][0][2] - HALF_M) for name in by_distance]
    picture = testbed.picture_when(lambda picture: np.allclose(apart_px(picture), expected, atol=1.5))
    assert apart_px(picture) == sorted(apart_px(picture))


@pytest.mark.parametrize(
    "left, right",
    [
        (facing((-0.2, 1.5, -0.5)), facing((0.25, 1.45, -0.6))),
        (
            facing((-0.15, 1.7, -0.7), yaw_deg=40, pitch_deg=30),
            facing((0.1, 1.4, -0.5), pitch_deg=-60, roll_deg=70),
        ),
    ],
)
def test_the_controllers_are_seen_at_their_grip_poses(
    testbed: Testbed, controllers: Program, left: Pose, right: Pose, egl: None
) -> None:
    from vrgen.renderer.controllers import load_controller  # OpenGL, which no test file imports at its top

    head = facing((0.0, 1.6, 0.0))
    testbed.headset.move(head=head, left=left, right=right)
    eyes = eyes_of(head, last(controllers, "eyes"))

    def box(side: Side, grip: Pose, which: int) -> Array:
        """First and last column and row of the model's vertices."""
        vertices = load_controller("index", side).vertices["position"]
        world = vertices @ stage_from(grip)[:3, :3].T + grip.position_m
        seen = pixels_of(world, *eyes[which], which)
        return np.concatenate([seen.min(axis=0), seen.max(axis=0)])

    expected = {
        (side, which): box(side, grip, which)
        for side, grip in (("left", left), ("right", right))
        for which in (0, 1)
    }

    def off_px(picture: Picture) -> dict[tuple[str, int], float]:
        off = {}
        for (side, which), wanted in expected.items():
            between = (expected["left", which][2] + expected["right", which][0]) / 2
            first, past = (which * EYE_PX[0], between) if side == "left" else (between, (which + 1) * EYE_PX[0])
            rows, columns = np.nonzero(picture[:, int(first) : int(past)].max(axis=-1) > 10)
            if len(rows) == 0:
                off[side, which] = math.inf
                continue
            found = [int(first) + columns.min(), rows.min(), int(first) + columns.max() + 1, rows.max() + 1]
            off[side, which] = float(np.abs(wanted - found).max())
        return off

    try:
        testbed.picture_when(lambda picture: max(off_px(picture).values()) < NEAR_PX)
    except TestbedError as error:
        raise AssertionError(f"{error}: pixels off: {off_px(testbed.picture())}") from error
