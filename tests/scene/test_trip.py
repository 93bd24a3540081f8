"""What a headset's person is in the middle of: teleports in the dark, a narrowed sight, lost tracking."""

import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.geometry import Pose, Vec3, multiply, pitch_quat, yaw_quat
from vrgen.messages import Hand, Intent, Person, Tracked
from vrgen.scene.trip import AT_REST, IN_S, LOST_S, NARROW_S, OUT_S, Trip, travelled
from vrgen.scene_model import Objects

DT_S = 1 / 90
HEAD = Pose((0.2, 1.6, -0.1))
FORWARD = Pose((0.3, 1.3, -0.4), pitch_quat(0.2))
NOTHING, AIM, GO, WALK = Intent(), Intent(aim="right"), Intent(go="right"), Intent(walk_mps=(0.0, 1.6))


def flat(x: float, z: float) -> float:
    return 0.0


@dataclass
class Wearer:
    """Somebody with a headset, frame by frame."""

    person: Person = field(default_factory=lambda: Person((3.0, 0.0, 4.0), 0.5))
    trip: Trip = AT_REST
    vignette: bool = True

    def after(self, frames: int = 1, intent: Intent = NOTHING, aim: Pose = FORWARD, **of_tracked: object) -> Trip:
        hands = (Hand("right", FORWARD, aim), Hand("left", Pose((-0.2, 1.2, -0.4))))
        tracked = replace(Tracked(HEAD, hands=hands), **of_tracked)  # type: ignore[arg-type]
        for _ in range(frames):
            self.person, self.trip = travelled(
                self.person, self.trip, tracked, intent, flat, Objects(), DT_S, vignette=self.vignette
            )
        return self.trip


def test_a_teleport_happens_in_the_dark() -> None:
    wearer = Wearer()
    wearer.after(5, AIM)
    assert wearer.trip.arc is not None
    landing = wearer.trip.arc.landing
    assert landing is not None
    before, moved_at = wearer.person, None
    wearer.after(1, GO)
    assert wearer.trip.arc is None
    fades = [wearer.trip.blink]
    for number in range(40):
        if wearer.person.feet_world != before.feet_world and moved_at is None:
            moved_at = number
            assert wearer.trip.blink == 1.0
        wearer.after(1)
        fades.append(wearer.trip.blink)
    assert wearer.person.feet_world == landing
    assert wearer.person.head_room == before.head_room
    assert wearer.person.yaw_rad == before.yaw_rad
    assert moved_at == pytest.approx(OUT_S / DT_S, abs=2)
    assert moved_at is not None
    assert fades.index(0.0, moved_at) - moved_at == pytest.approx(IN_S / DT_S, abs=2)
    assert all(trip == 0 for trip in fades[-3:])


def test_nobody_walks_off_while_it_gets_dark() -> None:
    wearer = Wearer()
    wearer.after(2, AIM)
    wearer.after(1, GO)
    place = wearer.person.feet_world
    wearer.after(3, WALK)
    assert wearer.person.feet_world == place


def test_without_a_landing_nothing_happens() -> None:
    wearer = Wearer()
    wearer.after(1, AIM, Pose((0.0, -1.0, 0.0)))  # a hand under the floor
    place = wearer.person.feet_world
    wearer.after(30, GO)
    assert wearer.person.feet_world == place
    assert wearer.trip.blink == 0


def test_going_again_while_it_is_dark_changes_nothing() -> None:
    wearer = Wearer()
    wearer.after(2, AIM)
    landing = wearer.trip.arc.landing if wearer.trip.arc else None
    wearer.after(1, GO)
    wearer.after(2, Intent(aim="right"), Pose((0.3, 1.3, -0.4)))
    wearer.after(40, GO)
    assert wearer.person.feet_world == landing


def test_the_sight_narrows_while_moving_smoothly_and_opens_again() -> None:
    wearer = Wearer()
    wearer.after()
    narrowing = [wearer.after(1, WALK).vignette for _ in range(20)]
    assert narrowing == sorted(narrowing)
    assert narrowing[-1] == pytest.approx(1.0)
    assert next(n for n, v in enumerate(narrowing) if v > 0.99) == pytest.approx(NARROW_S / DT_S, abs=2)
    assert wearer.after(round(NARROW_S / DT_S) + 2).vignette == 0
    slow = replace(WALK, walk_mps=(0.0, 0.4))
    assert 0.1 < wearer.after(30, slow).vignette < 0.5


def test_it_narrows_for_smooth_turning_and_not_for_snaps_steps_or_heads() -> None:
    wearer = Wearer()
    wearer.after()
    assert wearer.after(1, Intent(turn_rad=(math.radians(30), 0.0))).vignette == 0
    for n in range(20):
        head = Pose((0.2 + 0.01 * n, 1.6 - 0.01 * n, -0.1), multiply(yaw_quat(0.1 * n), pitch_quat(0.02 * n)))
        assert wearer.after(1, head_room=head).vignette == 0
    assert wearer.after(10, Intent(turn_rad=(1.0 * DT_S, 0.0))).vignette > 0.5


def test_the_vignette_can_be_switched_off() -> None:
    wearer = Wearer(vignette=False)
    assert wearer.after(30, WALK).vignette == 0


def test_lost_tracking_fades_to_black_and_back() -> None:
    wearer = Wearer()
    wearer.after()
    place = wearer.person
    dark = [wearer.after(1, valid=False).lost for _ in range(40)]
    assert dark == sorted(dark)
    assert next(n for n, v in enumerate(dark) if v >= 1) == pytest.approx(LOST_S / DT_S, abs=2)
    assert wearer.person == place
    assert wearer.after(round(LOST_S / DT_S) + 1).lost == 0


def test_a_flat_display_is_at_rest() -> None:
    wearer = Wearer()
    wearer.after(3, AIM)
    wearer.after(2, GO)
    person, trip = travelled(wearer.person, wearer.trip, None, Intent(), flat, Objects(), DT_S)
    assert trip is AT_REST
    assert person.room == 0


def test_the_map_stays_where_the_drag_began() -> None:
    wearer = Wearer()
    drag = Intent(drag="left")

    def left(at: Vec3, room: int = 1) -> Vec3 | None:
        shown = wearer.after(1, drag, hands=(Hand("left", Pose(at)),), room=room).map
        return shown.at_room if shown is not None else None

    assert left((0.0, 1.2, -0.4)) == (0.0, 1.2, -0.4)
    assert left((0.1, 1.3, -0.4)) == (0.0, 1.2, -0.4)
    assert left((0.2, 1.3, -0.4), room=2) == (0.2, 1.3, -0.4)
    assert wearer.after().map is None
    assert wearer.after(1, drag, hands=(Hand("left"),)).map is None


def test_a_controller_that_is_looked_at_is_read() -> None:
    wearer = Wearer()
    held = (Hand("right", Pose((0.0, 1.3, -0.4))),)

    def looks(pitch: float) -> bool:
        head = Pose((0.0, 1.6, 0.0), pitch_quat(pitch))
        return "right" in wearer.after(1, hands=held, head_room=head).read

    at = -math.atan2(0.3, 0.4)
    assert not looks(0.0)
    assert not looks(at + 0.3)
    assert looks(at)
    assert looks(at + 0.3)  # once read, a glance aside does not end it
    assert not looks(at + 0.5)
    gaze = Pose((0.0, 1.6, 0.0), pitch_quat(at))
    assert "right" in wearer.after(1, hands=held, head_room=Pose((0.0, 1.6, 0.0)), gaze_room=gaze).read


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Intent(), AIM, GO, WALK, Intent(drag="left"), Intent(turn_rad=(0.5, 0.0))]),
            st.booleans(),
            st.integers(1, 2),
        ),
        max_size=40,
    )
)
def test_whatever_happens_dimming_is_a_share_and_nobody_is_moved_unseen(
    frames: list[tuple[Intent, bool, int]],
) -> None:
    wearer = Wearer()
    for intent, valid, room in frames:
        before = wearer.person
        trip = wearer.after(1, intent, valid=valid, room=room)
        assert 0 <= trip.blink <= 1
        assert 0 <= trip.lost <= 1
        assert 0 <= trip.vignette <= 1
        far = math.dist(before.feet_world, wearer.person.feet_world)
        assert far < 0.03 or trip.blink == 1.0
