"""What is seen of the person: their hands where they are in the world, rays, the arc, the map, the dimming."""

import numpy as np
import pytest

from vrgen.geometry import Pose, pitch_quat, yaw_quat
from vrgen.messages import Controls, Hand, Intent, Person, Tracked
from vrgen.room import world_from_room
from vrgen.scene.presence import present
from vrgen.scene.teleport import Arc
from vrgen.scene.trip import AT_REST, Map, Trip
from vrgen.scene_model import NOBODY, Presence

PERSON = Person((10.0, 2.0, -5.0), 0.7, room=1, head_room=(0.4, 1.6, 0.1))
GRIP = Pose((0.2, 1.1, -0.3), yaw_quat(0.3))
NOTHING = Intent()
AIM = Pose((0.2, 1.1, -0.3), pitch_quat(-0.5))


def seen(
    *hands: Hand, trip: Trip = AT_REST, held: tuple[str, ...] = (), intent: Intent = NOTHING, **pointed: object
) -> Presence:
    controls = Controls(held=frozenset(held), tracked=Tracked(hands=hands))
    return present(PERSON, trip, controls, intent, lambda x, z: 2.0, (0.5, -0.25), **pointed)  # type: ignore[arg-type]


def test_a_flat_display_has_nobody() -> None:
    assert present(Person(), AT_REST, Controls(), Intent(), lambda x, z: 0.0, (0.0, 0.0)) is NOBODY


def test_controllers_are_where_the_hands_are() -> None:
    (held,) = seen(Hand("left", GRIP, AIM, "valve/index_controller", "index"), Hand("right")).held
    assert (held.model, held.side, held.labelled) == ("index", "left", False)
    assert held.world_from_grip == pytest.approx(world_from_room(PERSON) @ GRIP.matrix())
    # 1.1 m over a floor that lies at 2 m.
    assert held.world_from_grip[1, 3] == pytest.approx(3.1)


def test_a_controller_shows_what_is_pressed_on_it_and_its_labels_when_read() -> None:
    names = ("left.pick", "right.drag", "hand.like", "w")
    hands = (Hand("left", GRIP), Hand("right", GRIP))
    left, right = seen(*hands, held=names, trip=Trip(read=frozenset({"right"}))).held
    assert left.pressed == {"pick", "like"}
    assert right.pressed == {"drag", "like"}
    assert (left.labelled, right.labelled) == (False, True)
    assert all(model.labelled for model in seen(*hands, labelled=True).held)


def test_bare_hands_are_joints_and_hold_nothing() -> None:
    joints = np.random.default_rng(0).uniform(0, 1, (26, 4))
    shown = seen(Hand("right", GRIP, AIM, joints_room=joints))
    assert shown.held == ()
    (world,) = shown.joints
    assert world[:, 3] == pytest.approx(joints[:, 3])
    ones = np.ones((26, 1))
    expected = np.hstack([joints[:, :3], ones]) @ world_from_room(PERSON).T
    assert world[:, :3] == pytest.approx(expected[:, :3])


def test_a_ray_is_seen_while_the_trigger_is_down_or_a_panel_is_pointed_at() -> None:
    hand = Hand("right", GRIP, AIM)
    assert seen(hand).rays == ()
    ((start, end),) = seen(hand, held=("right.pick",)).rays
    assert start == pytest.approx((world_from_room(PERSON) @ AIM.matrix())[:3, 3])
    assert end[1] == pytest.approx(2.0, abs=0.01)
    ((_, end),) = seen(hand, pointed={"right": (1.0, 2.0, 3.0)}).rays
    assert end == (1.0, 2.0, 3.0)
    assert seen(hand, held=("right.pick",), intent=Intent(aim="right")).rays == ()


def test_arc_map_and_dimming_are_those_of_the_trip() -> None:
    arc = Arc(np.zeros((2, 3)), (1.0, 2.0, 3.0))
    trip = Trip(arc=arc, blink=0.2, lost=0.6, vignette=0.3, map=Map("left", 1, (0.4, 1.2, 0.1)))
    shown = seen(trip=trip)
    assert shown.arc is arc.points
    assert shown.landing == (1.0, 2.0, 3.0)
    assert (shown.fade, shown.vignette) == (0.6, 0.3)
    assert shown.map_at == pytest.approx((10.0, 3.2, -5.0))
    assert shown.map_dot == (0.5, -0.25)
    assert seen().map_at is None
