"""A headset's hands: sticks, flicks, aiming, picking and dragging, over several frames."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.geometry import Pose, Vec3, multiply, pitch_quat, rotation, yaw_quat
from vrgen.inputs.hands import DRAG_PER_M, HOLD_S, LEAP_M, REST, SNAP_RAD, STILL_M, Stance, Turn, facing
from vrgen.inputs.interpret import RUN_MPS, WALK_MPS, interpret
from vrgen.messages import HAND_AXES, Action, Controls, Hand, Intent, Side, Tracked

DT_S = 1 / 90
STICKS: Mapping[str, float] = dict.fromkeys(HAND_AXES, 0.0)
HEAD = Pose((0.0, 1.6, 0.0))
angles = st.floats(-math.pi, math.pi)
places = st.tuples(*[st.floats(-2, 2)] * 3)


def hand(side: Side, at: Vec3 = (0.0, 1.2, -0.5)) -> Hand:
    return Hand(side, Pose(at), Pose(at))


BOTH = (hand("left"), hand("right"))


@dataclass
class Wearer:
    """Somebody with a headset: says a frame's controls and keeps the stance."""

    turn: Turn = "snap"
    main_hand: Side = "right"
    stance: Stance = REST
    time_s: float = 0.0
    held: frozenset[str] = field(default_factory=frozenset)

    def says(
        self,
        axes: Mapping[str, float] = STICKS,
        held: Iterable[str] = (),
        hands: tuple[Hand, ...] = BOTH,
        captured: frozenset[str] = frozenset(),
        **of_tracked: object,
    ) -> Intent:
        """A frame; what is held and was not is pressed."""
        now = frozenset(held)
        tracked = replace(Tracked(head_room=HEAD, hands=hands), **of_tracked)  # type: ignore[arg-type]
        controls = Controls(self.time_s, DT_S, now, tuple(sorted(now - self.held)), axes={**axes}, tracked=tracked)
        self.time_s += DT_S
        self.held = now
        intent, self.stance = interpret(controls, self.stance, captured, self.turn, self.main_hand)
        return intent


def out(x: float = 0.0, y: float = 0.0) -> Mapping[str, float]:
    return {**STICKS, "hand.turn_x": x, "hand.turn_y": y}


# --- walking and turning ----------------------------------------------------------------------------------


@given(angles, st.floats(-1.4, 1.4), angles)
def test_the_stick_goes_where_the_head_looks(yaw: float, pitch: float, way: float) -> None:
    head = Pose((1.0, 1.7, 2.0), multiply(yaw_quat(yaw), pitch_quat(pitch)))
    axes = {**STICKS, "hand.move_x": -math.sin(way), "hand.move_y": math.cos(way)}
    right, ahead = Wearer().says(axes, head_room=head).walk_mps
    # In the room: right is +X, ahead -Z; the way is `way` to the left of where the head looks.
    assert (right, ahead) == pytest.approx(
        (-WALK_MPS * math.sin(yaw + way), WALK_MPS * math.cos(yaw + way)), abs=1e-6
    )


def test_keys_walk_where_the_head_looks_too_and_running_runs() -> None:
    head = Pose(HEAD.position, yaw_quat(math.pi / 2))
    assert Wearer().says(held=("w",), head_room=head).walk_mps == pytest.approx((-WALK_MPS, 0.0))
    ahead = {**STICKS, "hand.move_y": 1.0}
    assert Wearer().says(ahead, held=("hand.run",)).walk_mps == pytest.approx((0.0, RUN_MPS))
    assert Wearer().says({**STICKS, "hand.move_y": 0.1}).walk_mps == (0, 0)


@given(st.lists(st.floats(-1, 1), max_size=60))
def test_one_turn_a_flick(stick: list[float]) -> None:
    wearer = Wearer()
    turns = [wearer.says(out(x)).turn_rad[0] for x in stick]
    assert all(turn == pytest.approx(0) or abs(turn) == pytest.approx(SNAP_RAD) for turn in turns)
    for number, turn in enumerate(turns):
        if turn:  # outwards, and since the turn before the stick was at rest
            assert turn * stick[number] < 0
            earlier = [n for n in range(number) if turns[n]]
            assert not earlier or any(abs(x) < 0.6 for x in stick[earlier[-1] + 1 : number])


def test_a_flick_turns_once_and_again_after_rest() -> None:
    wearer = Wearer()
    turns = [wearer.says(out(x)).turn_rad[0] for x in (0.0, 0.9, 1.0, 0.5, 0.9, 0.0, -1.0, -1.0)]
    assert turns == pytest.approx([0, -SNAP_RAD, 0, 0, 0, 0, SNAP_RAD, 0])


def test_smooth_turning_goes_on_and_nothing_pitches() -> None:
    wearer = Wearer(turn="smooth")
    first, second = wearer.says(out(1.0)), wearer.says(out(1.0))
    assert first.turn_rad == second.turn_rad
    assert first.turn_rad[0] < 0
    pad = {**STICKS, "right_x": 1.0, "right_y": 1.0}
    for turn in ("snap", "smooth"):
        yaw, pitch = Wearer(turn=turn).says(pad).turn_rad
        assert yaw < 0
        assert pitch == 0


def test_the_other_main_hand_swaps_the_sticks() -> None:
    wearer = Wearer(main_hand="left")
    axes = {**STICKS, "hand.turn_y": 1.0}
    assert wearer.says(axes).walk_mps == pytest.approx((0, WALK_MPS))
    intent = wearer.says({**STICKS, "hand.move_y": 1.0})
    assert intent.walk_mps == (0, 0)
    assert intent.aim == "left"


# --- teleport ---------------------------------------------------------------------------------------------


def test_the_stick_forward_aims_and_its_release_goes() -> None:
    wearer = Wearer()
    said = [wearer.says(out(y=y)) for y in (0.0, 0.5, 0.9, 0.9, 0.5, 0.0, 0.0)]
    assert [one.aim for one in said] == [None, None, "right", "right", "right", None, None]
    assert [one.go for one in said] == [None, None, None, None, None, "right", None]
    assert all(one.turn_rad == (0, 0) for one in said)


def test_an_aiming_stick_may_go_round_without_turning() -> None:
    wearer = Wearer()
    said = [wearer.says(out(x, y)) for x, y in ((0, 1), (0.7, 0.7), (1, 0), (0, 0))]
    assert [one.aim for one in said] == ["right", "right", "right", None]
    assert all(one.turn_rad == (0, 0) for one in said)
    assert said[-1].go == "right"


def test_a_stick_that_has_turned_does_not_aim_before_it_rests() -> None:
    wearer = Wearer()
    said = [wearer.says(out(x, y)) for x, y in ((1, 0), (0.7, 0.7), (0, 1), (0, 0), (0, 1))]
    assert [one.aim for one in said] == [None, None, None, None, "right"]
    assert all(one.aim is None for one in (wearer.says(out()), wearer.says(out(y=-1.0))))


def test_the_button_aims_too() -> None:
    wearer = Wearer()
    said = [wearer.says(held=held) for held in (("hand.teleport",), ("hand.teleport",), ())]
    assert [one.aim for one in said] == ["right", "right", None]
    assert [one.go for one in said] == [None, None, "right"]


def test_a_controller_that_goes_away_does_not_go() -> None:
    wearer = Wearer()
    assert wearer.says(out(y=1.0)).aim == "right"
    gone = wearer.says(hands=(hand("left"), Hand("right")))
    assert (gone.aim, gone.go) == (None, None)
    assert wearer.says().go is None


def test_without_a_stick_a_trigger_that_is_held_aims() -> None:
    wearer = Wearer()
    said = [wearer.says({}, ("left.pick",)) for _ in range(math.ceil(HOLD_S / DT_S) + 2)]
    assert said[0].aim is None
    assert said[-1].aim == "left"
    let_go = wearer.says({})
    assert let_go.go == "left"
    assert all(one.pick is None for one in (*said, let_go)), "who aims does not pick"


def test_without_a_stick_a_short_pull_picks_as_it_ends() -> None:
    wearer = Wearer()
    down = wearer.says({}, ("right.pick",))
    assert (down.pick, down.aim) == (None, None)
    let_go = wearer.says({})
    assert (let_go.pick, let_go.go) == ("right", None)
    assert wearer.says({}).pick is None
    wearer.says({}, ("right.pick",))
    assert wearer.says({}, hands=(hand("left"), Hand("right"))).pick is None, "a hand that was lost did not let go"


def test_a_key_picks_what_is_looked_at_also_on_a_headset() -> None:
    assert Wearer().says(held=("e",)).pick == "eyes"
    assert Wearer().says(held=("pad.rb",)).pick == "eyes"
    assert Wearer().says(held=("e", "left.pick")).pick == "left", "who points, points"
    assert Wearer().says(held=("e",), valid=False).pick is None


def test_with_a_stick_a_trigger_only_picks() -> None:
    wearer = Wearer()
    said = [wearer.says(held=("right.pick",)) for _ in range(60)]
    assert [one.pick for one in said] == ["right"] + [None] * 59
    assert all(one.aim is None for one in said)


def test_what_the_panel_takes_from_a_hand_does_nothing_else() -> None:
    wearer = Wearer()
    said = [wearer.says({}, ("right.pick",), captured=frozenset({"right.pick"})) for _ in range(60)]
    assert all(one == Intent() for one in said)
    typing = Wearer().says(held=("hand.like",), captured=frozenset({"keyboard"}))
    assert typing.actions == (Action.LIKE,)


def test_who_is_not_tracked_asks_for_nothing_but_actions() -> None:
    wearer = Wearer()
    wearer.says(out(y=1.0), ("right.drag",))
    lost = wearer.says(out(y=1.0), ("right.drag", "hand.undo", "w"), valid=False)
    assert lost == Intent(actions=(Action.UNDO,))
    assert wearer.says(held=("right.drag",)).go is None


# --- dragging ---------------------------------------------------------------------------------------------


def dragged(wearer: Wearer, way: Iterable[Vec3], head: Pose = HEAD) -> tuple[float, float]:
    """The sum of what the latent moves while the right hand squeezes along a way."""
    by = [wearer.says(held=("right.drag",), hands=(hand("right", at),), head_room=head).morph for at in way]
    return sum(x for x, _ in by), sum(y for _, y in by)


def test_pulling_right_and_up_moves_right_and_up() -> None:
    way = [(0.1 * n / 50, 1.6 + 0.05 * n / 50, -0.5) for n in range(51)]
    assert dragged(Wearer(), way) == pytest.approx((0.1 * DRAG_PER_M, 0.05 * DRAG_PER_M), abs=STILL_M * DRAG_PER_M)


@given(angles, st.lists(st.tuples(*[st.floats(-0.1, 0.1)] * 3), min_size=1, max_size=20), st.floats(0, 1))
def test_a_drag_there_and_back_returns(yaw: float, steps: list[Vec3], pitch: float) -> None:
    head = Pose((0.3, 1.6, -0.2), multiply(yaw_quat(yaw), pitch_quat(pitch)))
    way = np.cumsum([(0.0, 1.2, -0.4), *steps], axis=0)
    points = [tuple(map(float, point)) for point in (*way, *way[::-1])]
    moved = dragged(Wearer(), points, head)  # type: ignore[arg-type]
    assert moved == pytest.approx((0, 0), abs=2 * STILL_M * DRAG_PER_M)


def test_a_still_hand_asks_for_nothing() -> None:
    rng = np.random.default_rng(0)
    trembling = [tuple(map(float, rng.uniform(-0.0005, 0.0005, 3))) for _ in range(200)]
    wearer = Wearer()
    said = [wearer.says(held=("right.drag",), hands=(hand("right", at),)) for at in trembling]  # type: ignore[arg-type]
    assert all(one.morph == (0, 0) for one in said)
    assert all(one.drag == "right" for one in said)


def test_a_hand_that_was_lost_is_not_pulled_to_where_it_is_found() -> None:
    wearer = Wearer()
    squeeze = ("right.drag",)
    wearer.says(held=squeeze, hands=(hand("right", (0.0, 1.6, -0.5)),))
    assert wearer.says(held=squeeze, hands=(hand("right", (LEAP_M + 0.1, 1.6, -0.5)),)).morph == (0, 0)
    assert wearer.says(held=squeeze, hands=(Hand("right"),)).morph == (0, 0)
    assert wearer.says(held=squeeze, hands=(hand("right", (0.0, 1.6, -0.5)),)).morph == (0, 0)
    assert wearer.says(held=squeeze, hands=(hand("right", (0.1, 1.6, -0.5)),)).morph[0] > 0
    recentred = wearer.says(held=squeeze, hands=(hand("right", (0.2, 1.6, -0.5)),), room=2)
    assert recentred.morph == (0, 0)


def test_of_two_hands_the_later_one_drags() -> None:
    wearer = Wearer()
    said = [
        wearer.says(held=held).drag
        for held in (("right.drag",), ("right.drag", "left.drag"), ("right.drag",), (), ("left.drag",))
    ]
    assert said == ["right", "left", "right", None, "left"]
    wearer = Wearer()
    said = [wearer.says(held=held).drag for held in (("left.drag",), ("right.drag", "left.drag"))]
    assert said == ["left", "right"]


@given(places, places, angles)
def test_the_plane_of_a_drag_faces_the_head(at: Vec3, head: Vec3, yaw: float) -> None:
    tracked = Tracked(Pose(head, yaw_quat(yaw)))
    right, up = (np.array(v) for v in facing(at, tracked))
    to_head = np.subtract(head, at)
    if np.linalg.norm(to_head) < 0.01:
        return
    assert np.linalg.norm(right) == pytest.approx(1)
    assert np.linalg.norm(up) == pytest.approx(1)
    assert right @ up == pytest.approx(0, abs=1e-6)
    assert right[1] == 0
    if math.hypot(to_head[0], to_head[2]) > 0.05:
        assert right @ to_head == pytest.approx(0, abs=1e-6)
        assert up @ to_head == pytest.approx(0, abs=1e-6)
        assert up[1] >= -1e-9
        ahead = Pose(rotation=yaw_quat(math.atan2(to_head[0], to_head[2])))  # of a head that looks at it
        assert right == pytest.approx(rotation(ahead.rotation)[:, 0], abs=1e-6)
