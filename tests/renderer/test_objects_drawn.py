"""What stands on the ground: all of it that is in view is drawn, however one turns; and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import stage as s
from stage import Stage

from vrgen.geometry import Quat, frustum_planes, inverse_rigid, multiply, pitch_quat, projection, yaw_quat
from vrgen.messages import View
from vrgen.scene.meshes import picture_frame
from vrgen.scene_model import Mesh, Objects, Picture, Scene

Open = Callable[..., Stage]
SIZE = (160, 90)
LIGHT = s.sun((0.2, 1.0, 0.4), ambient_light=0.4)
RADIUS = float(np.sqrt(0.75))


def seen_by_the_gpu(one: Stage) -> int:
    """Instances that the last picture's cull let through, over all meshes and details; what is hidden counts."""
    objects = one.renderer._objects
    from vrgen.renderer.ground import COMMAND

    counts = objects._indirect.read(COMMAND, objects._commands)["instances"]
    return int(counts.sum())


def cubes(positions: np.ndarray, meshes: int = 3, **more: object) -> Scene:
    made = s.instances(*[{"position": p} for p in positions])
    made["mesh"] = np.sort(np.arange(len(made)) % meshes)
    objects = Objects(tuple(s.box((200, 50 * k, 40)) for k in range(meshes)), (), made)
    return s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=objects, **more)


def expected(views: list[View], positions: np.ndarray) -> int:
    """How many bounding spheres touch one of the frusta and are large enough to be seen."""
    eye = np.mean([view.world_from_eye[:3, 3] for view in views], axis=0)
    inside = np.zeros(len(positions), bool)
    for view in views:
        planes = frustum_planes(projection(view.fov, 0.05) @ inverse_rigid(view.world_from_eye))
        apart = positions @ planes[:, :3].T + planes[:, 3]
        inside |= (apart >= -RADIUS - 1e-4).all(axis=1)
    large = RADIUS / np.maximum(np.linalg.norm(positions - eye, axis=1), 1e-3) >= 0.0025
    return int((inside & large).sum())


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("high_m", [60.0, 1.0])
def test_turning_round_the_count_stays_right(stage: Open, stereo: bool, high_m: float) -> None:
    """In a cube and, where clumps are narrow, on a plain; the second view looks elsewhere."""
    rng = np.random.default_rng(1)
    positions = (rng.uniform(-60, 60, (2000, 3)) * (1, high_m / 60, 1)).astype(np.float32)
    one = stage(SIZE, stereo=stereo, occlusion=False)
    world = cubes(positions)
    total = 0
    for step in range(12):
        turn = multiply(yaw_quat(step * 0.7), pitch_quat(0.5 * np.sin(step)))
        half = SIZE if not stereo else (80, 90)
        views = [s.view(half, (0, 1, 0), turn)]
        if stereo:
            views.append(s.view(half, (0.063, 1, 0), multiply(yaw_quat(0.9), turn), left_px=80))
        one.draw(world, views)
        counted = seen_by_the_gpu(one)
        assert counted % len(views) == 0
        # The GPU reckons with single precision: at the very rim it may differ.
        assert abs(counted // len(views) - expected(views, positions)) <= 3
        total += counted
    assert total > 12 * 50


def test_what_stands_on_high_ground_is_counted_there(stage: Open) -> None:
    rng = np.random.default_rng(2)
    positions = rng.uniform((-60, 0, -60), (60, 1, 60), (1500, 3)).astype(np.float32)
    one = stage(SIZE, occlusion=False)
    flat = s.scene(over=s.ground(s.tiles_of(s.flat)), objects=cubes(positions).objects)
    made = flat.objects.instances.copy()
    made["stands"] = 1.0
    for height in (70.0, -30.0):
        land = s.ground(s.tiles_of(lambda x, z, height=height: s.flat(x, z) + height))
        world = replace(flat, ground=land, objects=replace(flat.objects, instances=made))
        one.settle(world, [s.view(SIZE, (0, height + 3, 0))])
        for step in range(4):
            views = [s.view(SIZE, (0, height + 3, 0), multiply(yaw_quat(step * 1.6), pitch_quat(-0.3)))]
            one.draw(world, views)
            wanted = expected(views, positions + np.float32([0, height, 0]))
            assert wanted > 100
            assert abs(seen_by_the_gpu(one) - wanted) <= 3


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("upright", [False, True])
def test_what_is_just_inside_the_frustum_is_drawn(stage: Open, side: int, upright: bool) -> None:
    """A cube whose middle is outside and whose corner is inside leaves its pixels at the rim."""
    one = stage(SIZE, occlusion=False)
    camera = s.view(SIZE, (0.0, 0.0, 0.0))
    up, aspect = np.tan(np.radians(35.0)), 160 / 90
    rim = up * 10 * (1.0 if upright else aspect)
    place = np.array([0.0, side * (rim + 0.3), -10.0] if upright else [side * (rim + 0.3), 0.0, -10.0], np.float32)
    drawn = one.settle(cubes(place[None]), [camera])
    rows, columns = np.nonzero(drawn.max(axis=-1) > 25)
    assert len(rows)
    if upright:
        assert (rows < 4).all() if side > 0 else (rows > 85).all()
    else:
        assert (columns > 150).all() if side > 0 else (columns < 9).all()
    gone = place * np.float32([1.3, 1.3, 1.0])
    assert one.settle(cubes(gone[None]), [camera]).max() < 10
    assert seen_by_the_gpu(one) == 0


def test_of_many_each_is_where_it_belongs(stage: Open) -> None:
    """A wall of cubes in mesh order and out of it: every one at its own pixel, in its own colour."""
    one = stage(SIZE)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    grid = [(x, y) for x in range(-6, 7, 2) for y in range(-2, 5, 2)]
    made = s.instances(*[{"position": (x, y, -10), "mesh": (x + 3 * y) // 2 % 3} for x, y in grid])
    made = made[np.argsort(made["mesh"], kind="stable")]
    objects = Objects(tuple(s.box(c) for c in colours), (), made)
    camera = s.view(SIZE, (0, 0, 0))
    lit = s.sun((0.0, 0.1, 1.0))
    world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), lit), objects=objects)
    drawn = one.settle(world, [camera]).astype(int)
    for x, y in grid:
        column, row = (int(v) for v in s.pixel_of(camera, (x, y, -9.5)))
        assert int(np.argmax(drawn[row, column])) == (x + 3 * y) // 2 % 3, (x, y, drawn[row, column])


def test_meshes_come_and_go_and_the_pool_grows(stage: Open) -> None:
    one = stage((64, 36), occlusion=False)
    camera = [s.view((64, 36), (0, 0, 3.0))]
    alone = None
    for count in (1, 3, 40, 2, 1):
        meshes = tuple(fine_ball((k % 7) / 7) for k in range(count))
        made = s.instances(*[{"position": (0, 0, -k * 0.2), "mesh": k} for k in range(count)])
        world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=Objects(meshes, (), made))
        drawn = one.settle(world, camera)
        assert seen_by_the_gpu(one) == count
        if count == 1:
            alone = drawn if alone is None else alone
            assert (drawn == alone).all()


def test_what_is_coming_arrives_over_several_frames_and_counts_only_when_whole(stage: Open) -> None:
    one = stage((64, 36))
    one.renderer.uploads.budget_ms = 0.0
    camera = [s.view((64, 36), (0, 0, 3.0))]
    standing, coming = (fine_ball(0.0), fine_ball(0.4)), (fine_ball(0.7), fine_ball(1.0))
    made = s.instances(*[{"position": (k - 0.5, 0, 0), "mesh": k} for k in range(2)])
    objects = Objects(standing, (), made, coming=coming)
    world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=objects)
    there: list[int] = []
    pictures = []
    for _ in range(60):
        pictures.append(one.draw(world, camera))
        there.append(len(one.renderer.resident.ids & {mesh.id for mesh in coming}))
    assert {mesh.id for mesh in standing} <= one.renderer.resident.ids
    assert there[3] == 0 and there[-1] == 2 and there == sorted(there) and there.count(1) > 3
    after = replace(world, objects=Objects(coming, (), made))
    swapped = one.settle(after, camera)
    one.close()
    alone = stage((64, 36)).settle(after, camera)
    assert (swapped == alone).all() and (swapped != pictures[-1]).any()


def test_the_pool_uses_again_what_is_not_wanted_any_more(stage: Open) -> None:
    one = stage((64, 36))
    for number in range(30):
        made = s.instances({"position": (0, 0, -3)})
        one.draw(s.scene(over=s.nowhere(), objects=Objects((fine_ball(number / 30),), (), made)))
    pool = one.renderer._objects._pool
    assert max(pool._vertices.buffer.size, pool._indices.buffer.size) == 1 << 20


def fine_ball(tone: float) -> Mesh:
    """Many faces, so that a few of them fill a mesh pool; one level of detail."""
    n = 90
    at = np.linspace(0, 1, n, dtype=np.float32)
    theta, phi = np.meshgrid(at * np.pi, at * 2 * np.pi, indexing="ij")
    v = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    i = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)[None, :]).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + n], -1), np.stack([i + 1, i + n + 1, i + n], -1)])
    tint = np.full((len(v), 4), 255, np.uint8)
    tint[:, 0] = int(255 * tone)
    return Mesh(s.new_id(), v, v, tint, np.full((len(v), 2), -1, np.float32), (faces.astype(np.uint32),))


def test_coarser_detail_is_taken_with_distance(stage: Open) -> None:
    one = stage((64, 36), occlusion=False)
    ball = fine_ball(1.0)
    mesh = Mesh(
        ball.id, ball.vertices, ball.normals, ball.colours, ball.uv, tuple(ball.faces[0][::k] for k in (1, 4, 16))
    )
    from vrgen.renderer.ground import COMMAND
    from vrgen.renderer.mesh_pool import LEVELS

    used = []
    for away in (2.0, 12.0, 42.0):
        made = s.instances({"position": (0, 0, -away)})
        world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=Objects((mesh,), (), made))
        one.draw(world, [s.view((64, 36), (0, 0, 0))])
        counts = one.renderer._objects._indirect.read(COMMAND, LEVELS)["instances"]
        assert counts.sum() == 1
        used.append(int(np.argmax(counts)))
    assert used == sorted(used) and used[0] == 0 and used[-1] == 2


def test_what_is_beyond_its_reach_shrinks_away(stage: Open) -> None:
    one = stage(SIZE)
    sizes = []
    for reach in (0.0, 30.0, 21.0, 19.0):
        made = s.instances({"position": (0, 0, -20), "scale": 4.0, "reach_m": reach})
        world = s.scene(
            over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=Objects((s.box(),), (), made)
        )
        sizes.append(int((one.settle(world, [s.view(SIZE, (0, 0, 0))]).max(axis=-1) > 25).sum()))
    assert sizes[0] == sizes[1] > sizes[2] > sizes[3] == 0


def test_a_set_that_arrives_grows(stage: Open) -> None:
    one = stage(SIZE)
    sizes = []
    for arrival in (0.0, 0.5, 1.0):
        made = Objects((s.box(),), (), s.instances({"position": (0, 0, -5)}), arrival)
        world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), LIGHT), objects=made)
        sizes.append(int((one.settle(world, [s.view(SIZE, (0, 0, 0))]).max(axis=-1) > 25).sum()))
    assert sizes[0] == 0 < sizes[1] < sizes[2]


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0, 1.0), yaw_quat(0.4)])
def test_a_picture_hangs_upright_in_its_frame(stage: Open, turn: Quat) -> None:
    one = stage(SIZE)
    pixels = np.zeros((512, 512, 4), np.uint8)
    pixels[:256, :256], pixels[:256, 256:] = (255, 0, 0, 255), (0, 255, 0, 255)
    pixels[256:, :256], pixels[256:, 256:] = (0, 0, 255, 255), (255, 255, 255, 255)
    made = s.instances({"position": (0, 0, -4), "picture": 0, "rotation": turn})
    lit = s.sun((0.0, 0.1, 1.0))
    world = s.scene(
        over=s.nowhere(),
        above=s.sky((0.0, 0.0, 0.0), lit),
        objects=Objects((picture_frame(2.0, 2.0),), (Picture(s.new_id(), pixels),), made),
    )
    drawn = one.settle(world, [s.view(SIZE, (0, 1.7, 0))]).astype(int)
    top_left, top_right, low_left, low_right = drawn[36, 74], drawn[36, 86], drawn[54, 74], drawn[54, 86]
    assert np.argmax(top_left) == 0 and np.argmax(top_right) == 1 and np.argmax(low_left) == 2
    assert np.ptp(low_right) < 30 and low_right.min() > 100


def test_pictures_change_one_by_one_and_the_others_stay(stage: Open) -> None:
    """Near and far: what is seen small comes from smaller levels of the same picture."""
    one = stage(SIZE)
    red, green, blue = (
        Picture(s.new_id(), np.full((512, 512, 4), (*colour, 255), np.uint8))
        for colour in np.eye(3, dtype=int) * 255
    )
    frame = picture_frame(2.0, 2.0)

    def shown(z: float, *pictures: Picture, at: tuple[int, int] = (0, 1)) -> tuple[int, int]:
        """The colour seen on the left and on the right: 0 red, 1 green, 2 blue, -1 none of them."""
        made = s.instances(*({"position": (x, 0, z), "picture": p} for x, p in zip((-1.5, 1.5), at)))
        world = s.scene(
            over=s.nowhere(),
            above=s.sky((0.0, 0.0, 0.0), s.sun((0.0, 0.1, 1.0))),
            objects=Objects((frame,), pictures, made),
        )
        drawn = one.settle(world, [s.view(SIZE, (0, 1.7, 0))]).astype(int)
        vivid = np.ptp(drawn, axis=-1) > 120
        halves = (
            (drawn[:, : SIZE[0] // 2], vivid[:, : SIZE[0] // 2]),
            (drawn[:, SIZE[0] // 2 :], vivid[:, SIZE[0] // 2 :]),
        )
        left, right = (int(np.argmax(of[there].mean(axis=0))) if there.any() else -1 for of, there in halves)
        return left, right

    for z in (-5.0, -25.0):
        assert shown(z, red, green) == (0, 1)
        assert shown(z, blue, green) == (2, 1)
        assert shown(z, green, blue) == (1, 2)
        assert shown(z, green, at=(0, -1)) == (1, -1)
        assert shown(z, at=(-1, -1)) == (-1, -1)
        assert shown(z, red, green, blue, at=(2, 0)) == (2, 0)


def test_pictures_beyond_those_that_fit_are_left_out_and_come_when_there_is_room(stage: Open) -> None:
    one = stage(SIZE)
    colours = np.tile(np.eye(3, dtype=np.uint8) * 255, (25, 1))
    pictures = tuple(Picture(s.new_id(), np.full((512, 512, 4), (*colour, 255), np.uint8)) for colour in colours)

    def shown(*hung: Picture, number: int) -> int:
        made = s.instances({"position": (0, 0, -5), "picture": number})
        world = s.scene(
            over=s.nowhere(),
            above=s.sky((0.0, 0.0, 0.0), s.sun((0.0, 0.1, 1.0))),
            objects=Objects((picture_frame(2.0, 2.0),), hung, made),
        )
        drawn = one.settle(world, [s.view(SIZE, (0, 1.7, 0))]).astype(int)
        vivid = np.ptp(drawn, axis=-1) > 120
        return int(np.argmax(drawn[vivid].mean(axis=0))) if vivid.any() else -1

    assert [shown(*pictures, number=at) for at in (0, 63, 64, 73)] == [0, 0, -1, -1]
    assert [shown(*pictures[20:], number=at) for at in (0, 43, 44, 53)] == [2, 0, 1, 1]
