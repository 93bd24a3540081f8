"""What the person holds and points with is seen where geometry says, in every eye, and nothing of it costs a thing
while there is nobody."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import people
import pytest
import stage as s
from stage import Pixels, Stage

from vrgen.display.eyes import eye_views
from vrgen.geometry import Array, multiply, pitch_quat, rotation, transform, yaw_quat
from vrgen.messages import ButtonLabel, Person, View
from vrgen.scene_model import NOBODY, HeldModel, Objects, Presence, Scene

Open = Callable[..., Stage]
SIZE = (240, 160)
LIT = s.sun((0.3, 1.0, 0.5), strength=8.0, ambient_light=1.0)
EYE = (0.0, 2.0, 0.0)


def dim(**more: object) -> Scene:
    """Dark sky, no ground: what is seen is the person's own."""
    return s.scene(over=s.nowhere(), above=s.sky((0.02, 0.02, 0.02), LIT), **more)  # type: ignore[arg-type]


def camera(pitch_rad: float = 0.0) -> View:
    return s.view(SIZE, EYE, pitch_quat(pitch_rad), 80.0)


def holding(at: tuple[float, float, float], model: str = "index", **more: object) -> HeldModel:
    return HeldModel(model, "right", people.grip(at), **more)  # type: ignore[arg-type]


def drawn(one: Stage, presence: Presence, world: Scene | None = None, views: list[View] | None = None) -> Pixels:
    """After the frames in which labels are written."""
    views = views or [camera()]
    for _ in range(5):
        pixels = one.draw(world or dim(), views, presence)
    return pixels


def differs(one: Pixels, other: Pixels, least: int = 14) -> np.ndarray:
    return np.asarray(np.abs(one.astype(int) - other).max(axis=-1) > least)


def middle(seen: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(seen)
    assert len(rows), "nothing is seen"
    return (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2


def test_nobody_changes_nothing(stage: Open) -> None:
    one = stage(SIZE)
    before = one.settle(dim(), [camera()])
    assert (one.draw(dim(), [camera()], NOBODY) == before).all()
    assert (one.draw(dim(), [camera()], Presence()) == before).all()


@pytest.mark.parametrize("model", ["index", "vive", "touch-plus", "", "unheard of"])
def test_a_controller_is_where_the_hand_is(stage: Open, model: str) -> None:
    from vrgen.renderer.controllers import load_controller

    one = stage(SIZE)
    empty = one.settle(dim(), [camera()])
    points = load_controller(model, "right").vertices["position"]
    for at in ((0.1, 1.9, -0.5), (-0.2, 2.1, -0.6)):
        held = holding(at, model)
        seen = differs(drawn(one, Presence(held=(held,))), empty, 4)
        world = points @ held.world_from_grip[:3, :3].T + held.world_from_grip[:3, 3]
        pixels = np.array([s.pixel_of(camera(), p) for p in world])
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        rows, columns = np.nonzero(seen)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found == pytest.approx((*low, *high), abs=2.5)


def test_far_from_the_worlds_origin_things_stay_exact(stage: Open) -> None:
    one = stage(SIZE)
    pictures = []
    for away in (np.zeros(3), np.array([90_000.0, 0.0, -70_000.0])):
        arc = people.thrown((0.2, 1.8, -0.4), (0.0, 2.0, -4.0), 0.8) + away
        frame = transform(tuple(away))

        def there(x: float, y: float, z: float, away: Array = away) -> tuple[float, float, float]:
            return (away[0] + x, away[1] + y, away[2] + z)

        presence = Presence(
            held=(replace(holding((0.1, 1.9, -0.5)), world_from_grip=frame @ people.grip((0.1, 1.9, -0.5))),),
            joints=(people.hand("left", frame @ people.grip((-0.1, 1.9, -0.5))),),
            rays=((there(0.0, 1.8, -0.4), there(0.5, 2.5, -3.0)),),
            arc=arc,
            landing=tuple(arc[-1]),
            map_at=there(0.0, 2.2, -0.5),
        )
        looks = replace(camera(), world_from_eye=frame @ camera().world_from_eye)
        pictures.append(drawn(one, presence, dim(origin=tuple(away)), [looks]))
    assert differs(pictures[0], drawn(one, NOBODY)).mean() > 0.03
    # The ring follows the ground, of which there is none, and the dashes a single-precision length.
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 6


def test_the_world_hides_what_is_behind_it(stage: Open) -> None:
    one = stage(SIZE)
    wall = Objects((s.box((90, 90, 90), 0.6),), (), s.instances({"position": (0.0, 2.0, -1.2)}))
    world = dim(objects=wall)
    empty = one.settle(world, [camera()])
    assert not differs(drawn(one, Presence(held=(holding((0.0, 2.0, -0.9)),)), world), empty).any()
    assert differs(drawn(one, Presence(held=(holding((0.0, 2.0, -0.45)),)), world), empty).any()


def test_the_light_of_the_scene_falls_on_it(stage: Open) -> None:
    one = stage(SIZE)
    seen = []
    for strength in (1.0, 12.0):
        light = s.sun((0.0, 1.0, 0.6), strength=strength)
        world = s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), light), light=light)
        seen.append(float(drawn(one, Presence(held=(holding((0.0, 2.0, -0.4), "pico"),)), world).mean()))
    assert seen[1] > 2 * seen[0] > 0


def test_a_pressed_button_is_lit(stage: Open) -> None:
    one = stage(SIZE)
    from vrgen.renderer.controllers import load_controller

    says = (ButtonLabel("trackpad", "redo", "redo"), ButtonLabel("a", "new world", "new_world"))
    at = (0.02, 1.92, -0.2)
    rest, other, pressed = (
        drawn(one, Presence(held=(holding(at, labels=says, pressed=frozenset(p)),)))
        for p in ((), ("run",), ("redo",))
    )
    assert (rest == other).all()
    blue = pressed[..., 2].astype(int) - rest[..., 2]
    assert 10 < (blue > 60).sum() < 0.05 * blue.size
    model, held = load_controller("index", "right"), holding(at)
    place = held.world_from_grip @ (*model.anchors[model.buttons.index("trackpad")], 1.0)
    assert middle(blue > 60) == pytest.approx(s.pixel_of(camera(), place[:3]), abs=5)


# --- bare hands -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_bare_hand_covers_its_joints(stage: Open, side: str) -> None:
    one = stage(SIZE)
    empty = one.settle(dim(), [camera()])
    turn = multiply(yaw_quat(0.3), pitch_quat(1.2))
    joints = people.hand(side, transform((0.03, 1.93, -0.28), turn))  # type: ignore[arg-type]
    seen = differs(drawn(one, Presence(joints=(joints,))), empty, 4)
    for place in joints:
        column, row = s.pixel_of(camera(), place[:3])
        assert seen[int(row), int(column)], "a joint is not covered"
    # and reaches no farther than a finger is thick
    rows, columns = np.nonzero(seen)
    pixels = np.array([s.pixel_of(camera(), p[:3]) for p in joints])
    away = np.hypot(columns[:, None] + 0.5 - pixels[:, 0], rows[:, None] + 0.5 - pixels[:, 1]).min(axis=1)
    assert away.max() < 17


# --- pointing ---------------------------------------------------------------------------------------------


def along(view: View, path: Array) -> np.ndarray:
    return np.array([s.pixel_of(view, p) for p in path])


def near(seen: np.ndarray, column: float, row: float) -> bool:
    return bool(seen[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2].any())


def test_a_ray_goes_from_the_hand_to_what_it_points_at(stage: Open) -> None:
    one = stage(SIZE)
    empty = one.settle(dim(), [camera()])
    start, end = np.array([0.2, 1.7, -0.4]), np.array([-1.0, 2.6, -4.0])
    seen = differs(drawn(one, Presence(rays=((tuple(start), tuple(end)),))), empty)
    share = np.linspace(0.0, 1.0, 200)[:, None]
    pixels = along(camera(), start + (end - start) * share)
    assert np.mean([near(seen, c, r) for c, r in pixels[8:]]) > 0.95
    rows, columns = np.nonzero(seen)
    away = np.hypot(columns[:, None] + 0.5 - pixels[:, 0], rows[:, None] + 0.5 - pixels[:, 1]).min(axis=1)
    assert away.max() < 6
    ends = pixels[-1]
    assert seen[int(ends[1]), int(ends[0])], "the dot at its end"


def test_an_arc_says_whether_it_lands_by_colour_and_by_pattern(stage: Open) -> None:
    one = stage(SIZE)
    world = s.scene(above=s.sky((0.02, 0.02, 0.02), LIT), dressed=s.surface((10, 10, 10)))
    looks = camera(-0.35)
    empty = one.settle(world, [looks])
    arc = people.thrown((0.2, 1.7, -0.4), (0.0, 2.0, -4.0), 0.832)
    assert arc[-1][1] == pytest.approx(0.0, abs=0.05)
    lands, leads_nowhere = (
        drawn(one, Presence(arc=arc, landing=end), world, [looks]) for end in (tuple(arc[-1]), None)
    )
    blue = differs(lands, empty) & (lands[..., 2].astype(int) > lands[..., 0] + 20)
    amber = differs(leads_nowhere, empty) & (leads_nowhere[..., 0].astype(int) > leads_nowhere[..., 2] + 20)
    assert blue.sum() > 100 and amber.sum() > 20
    assert not (differs(lands, empty) & (lands[..., 0] > lands[..., 2].astype(int) + 20)).any()
    pixels = along(looks, arc[4:-4])
    covered = [[d[int(r), int(c)] for c, r in pixels] for d in (blue, amber)]
    assert np.mean(covered[0]) > np.mean(covered[1]) + 0.1, "dots are apart"
    ring = along(looks, arc[-1] + 0.38 * np.array([(np.cos(a), 0.04, np.sin(a)) for a in np.linspace(0, 6.2, 24)]))
    assert np.mean([near(blue, c, r) for c, r in ring]) > 0.95
    assert not any(near(amber, c, r) for c, r in ring)


def test_dashes_move_with_the_scenes_time_and_with_nothing_else(stage: Open) -> None:
    one = stage(SIZE)
    arc = people.thrown((0.2, 1.7, -0.4), (0.0, 2.0, -4.0), 0.8)
    pictures = [drawn(one, Presence(arc=arc, landing=tuple(arc[-1])), dim(time_s=t)) for t in (1.0, 1.0, 1.4)]
    assert (pictures[0] == pictures[1]).all()
    moved = differs(pictures[0], pictures[2])
    assert sum(near(moved, c, r) for c, r in along(camera(), arc[:40])) > 5  # and not the ring alone


def test_the_ring_lies_on_the_ground_as_it_is(stage: Open) -> None:
    one = stage(SIZE)
    slope = s.ground(s.tiles_of(lambda x, z: 0.5 * x))
    world = s.scene(over=slope, above=s.sky((0.02, 0.02, 0.02), LIT), dressed=s.surface((10, 10, 10)))
    looks = s.view(SIZE, (0.0, 2.5, 0.0), pitch_quat(-0.7), 60.0)
    empty = one.settle(world, [looks])
    seen = differs(drawn(one, Presence(landing=(0.0, 0.0, -2.4)), world, [looks]), empty, 30)
    angles = np.linspace(0, 6.28, 40)
    ring = np.stack([0.378 * np.cos(angles), 0.19 * np.cos(angles) + 0.015, -2.4 + 0.378 * np.sin(angles)], -1)
    assert np.mean([seen[int(r), int(c)] for c, r in along(looks, ring)]) > 0.95


# --- cards ------------------------------------------------------------------------------------------------


def test_the_map_faces_the_head_and_its_dot_is_where_the_latent_is(stage: Open) -> None:
    one = stage((480, 320))
    looks = s.view((480, 320), EYE, vertical_deg=60.0)
    empty = one.settle(dim(), [looks])
    at = (0.05, 1.95, -0.4)
    focal_px = 160 / np.tan(np.radians(30))

    def spot(dot: tuple[float, float]) -> tuple[float, float]:
        pixels = drawn(one, Presence(map_at=at, map_dot=dot), None, [looks])
        seen = differs(pixels, empty, 2)
        assert middle(seen) == pytest.approx(s.pixel_of(looks, at), abs=3)
        assert np.ptp(np.nonzero(seen)[1]) == pytest.approx(0.16 / 0.4 * focal_px, rel=0.06)
        if dot == (0.0, 0.0):
            return s.pixel_of(looks, at)
        blue = (pixels[..., 2] > 200) & (pixels[..., 2].astype(int) > pixels[..., 0] + 40)
        rows, columns = np.nonzero(blue[12:-12])
        weight = np.array([blue[r + 9 : r + 16, c - 3 : c + 4].sum() for r, c in zip(rows, columns)])
        best = int(np.argmax(weight))
        return float(columns[best]), float(rows[best] + 12)

    origin = spot((0.0, 0.0))
    sigma_px = 0.073 / 3 / 0.4 * focal_px
    for dot in ((2.0, 0.0), (0.0, 2.0), (-1.5, -1.0)):
        column, row = spot(dot)
        expected = (dot[0] * sigma_px, dot[1] * sigma_px)
        assert (column - origin[0], origin[1] - row) == pytest.approx(expected, abs=7)


def test_beyond_its_range_the_dot_stays_at_the_rim_of_the_map_and_is_hollow(stage: Open) -> None:
    one = stage((480, 320))
    looks = s.view((480, 320), EYE, vertical_deg=60.0)
    at = (0.0, 2.0, -0.4)
    centred, just, far, farther = (
        drawn(one, Presence(map_at=at, map_dot=(x, 0.0)), None, [looks]) for x in (0.0, 3.0, 5.0, 9.0)
    )
    assert (far == farther).all()
    assert differs(just, far, 60).sum() > 4
    column = round(s.pixel_of(looks, (0.073, 2.0, -0.4))[0])
    changed = differs(centred, far, 60)[:, column - 6 : column + 6]
    assert changed[154:159].sum() > 2 and changed[161:166].sum() > 2  # above and below its way


def test_labels_come_where_they_are_asked_for_and_are_legible(stage: Open) -> None:
    one = stage((480, 320))
    looks = s.view((480, 320), EYE, pitch_quat(-0.3), 60.0)
    bare, labelled = (
        drawn(one, Presence(held=people.controllers(EYE, labelled=shown)), None, [looks])
        for shown in (False, True)
    )
    added = differs(labelled, bare)
    left, right = added[:, :240], added[:, 240:]
    assert left.sum() > 1500 and right.sum() > 1500
    (left_grip, right_grip) = (s.pixel_of(looks, h.world_from_grip[:3, 3])[0] for h in people.controllers(EYE))
    columns = np.nonzero(added)[1]
    assert (columns < left_grip).mean() > 0.35 and (columns > right_grip).mean() > 0.35, "each on its outer side"
    # Twelve cards, each with letters as bright as ink on dark.
    ink = added & (labelled.min(axis=-1) > 100)
    assert ink.sum() > 400
    rows = np.nonzero(ink[:, 300:].any(axis=1))[0]
    assert np.ptp(rows) > 5 * 0.0185 / 0.55 * 160 / np.tan(np.radians(30))


def test_labels_of_unknown_buttons_are_left_out(stage: Open) -> None:
    one = stage(SIZE)
    says = (ButtonLabel("a fourth stick", "nothing"),)
    held = holding((0.1, 1.9, -0.5))
    plain = drawn(one, Presence(held=(held,)))
    assert (drawn(one, Presence(held=(replace(held, labelled=True, labels=says),))) == plain).all()


def test_more_words_than_the_atlas_holds_are_written_all_the_same(stage: Open) -> None:
    one = stage(SIZE)
    held = holding((0.0, 1.95, -0.4), labelled=True)
    first = drawn(one, Presence(held=(replace(held, labels=(ButtonLabel("a", "new world"),)),)))
    for k in range(90):
        says = (ButtonLabel("a", f"a rather long line of text, number {k}"),)
        one.draw(dim(), [camera()], Presence(held=(replace(held, labels=says),)))
    again = drawn(one, Presence(held=(replace(held, labels=(ButtonLabel("a", "new world"),)),)))
    assert not differs(first, again, 30).any()


# --- sight ------------------------------------------------------------------------------------------------


def test_a_fade_dims_all_of_it_to_black(stage: Open) -> None:
    one = stage(SIZE)
    world = s.scene(over=s.nowhere(), above=s.sky((0.4, 0.5, 0.6), LIT))
    clear = one.settle(world, [camera()]).astype(float)
    for fade in (0.25, 0.5, 1.0):
        assert np.allclose(drawn(one, Presence(fade=fade), world), clear * (1 - fade), rtol=0, atol=3)


def test_a_vignette_darkens_the_rim_and_leaves_the_middle(stage: Open) -> None:
    one = stage(SIZE)
    world = s.scene(over=s.nowhere(), above=s.sky((0.4, 0.5, 0.6), LIT))
    wide = s.view(SIZE, EYE, vertical_deg=110.0)
    clear = one.settle(world, [wide]).astype(int)
    rows, columns = np.indices(clear.shape[:2])
    tangent = np.tan(np.radians(55)) / 80
    away = np.degrees(np.arctan(np.hypot(columns - 119.5, rows - 79.5) * tangent))
    before = clear
    for strength in (0.2, 0.6, 1.0):
        seen = drawn(one, Presence(vignette=strength), world, [wide]).astype(int)
        assert (seen[away < 24] == clear[away < 24]).all()
        assert (seen <= before + 2).all(), "it only narrows"
        before = seen
    assert before[away > 47].max() <= 2
    ring = before[(away > 30) & (away < 40)]
    assert ring.min() < 120 < ring.max() or np.ptp(ring) > 40  # soft
    assert not (drawn(one, Presence(vignette=0.2), world, [wide]) == clear).all()


def test_both_eyes_see_the_vignette_around_one_direction(stage: Open) -> None:
    """Eyes whose displays are turned outwards, as in some headsets."""
    one = stage((240, 100), stereo=True)
    world = s.scene(over=s.nowhere(), above=s.sky((0.4, 0.5, 0.6), LIT))
    ahead = []
    for i, turn in enumerate((0.15, -0.15)):
        view = s.view((120, 100), EYE, yaw_quat(0.8 + turn), 110.0, left_px=120 * i)
        ahead.append(view)
    seen = drawn(one, Presence(vignette=1.0), world, ahead).astype(int).sum(axis=-1)
    for i, view in enumerate(ahead):
        part = seen[:, 120 * i : 120 * (i + 1)] > 350
        column, row = s.pixel_of(view, np.array(EYE) + rotation(yaw_quat(0.8)) @ (0.0, 0.0, -100.0))
        rows, columns = np.nonzero(part)
        assert (columns.mean() + 0.5 + 120 * i, rows.mean() + 0.5) == pytest.approx((column, row), abs=3)


# --- both eyes --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_pass_for_two_eyes_shows_what_two_passes_show(stage: Open) -> None:
    one = stage((320, 160), stereo=True)
    person = Person((3.0, 0.0, 2.0), yaw_rad=0.4, pitch_rad=-0.2)
    views = eye_views(person, 0, (320, 160), True)
    eye = (3.0, 1.7, 2.0)
    turn = rotation(yaw_quat(0.4))
    world_from_hand = transform(tuple(np.array(eye) + turn @ (0.0, -0.1, -0.4)), yaw_quat(0.4))
    arc = np.array(eye) + (people.thrown((0.1, -0.3, -0.4), (0.0, 2.0, -3.0), 0.75)) @ turn.T
    presence = Presence(
        held=tuple(
            replace(h, world_from_grip=transform(eye, yaw_quat(0.4)) @ h.world_from_grip)
            for h in people.controllers((0.0, 0.0, 0.0), labelled=True)
        ),
        joints=(people.hand("right", world_from_hand),),
        arc=arc,
        landing=tuple(arc[-1]),
        map_at=tuple(np.array(eye) + turn @ (0.1, 0.1, -0.5)),
        vignette=0.5,
    )
    world = s.scene(above=s.sky((0.2, 0.3, 0.8), LIT))
    one.settle(world, views)
    together = drawn(one, presence, world, list(views))
    for view in views:
        alone = drawn(one, replace(presence, vignette=0.0), world, [view])
        with_both = drawn(one, replace(presence, vignette=0.0), world, list(views))
        x, _, width, _ = view.rect_px
        # Cards and lines face the head, which is elsewhere when one eye is all there is of it.
        apart = differs(alone[:, x : x + width], with_both[:, x : x + width], 40)
        assert apart.mean() < 0.04
    assert differs(together[:, :160], together[:, 160:]).any()
