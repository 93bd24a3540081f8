"""Controls → intent: a pure function of one frame's controls, and of how the hands stood the frame before."""

import math
from dataclasses import replace

from vrgen.inputs.bindings import BINDINGS, MODIFIERS
from vrgen.inputs.hands import REST, Stance, Turn, from_head, past_dead_zone, read_hands, stick_of, swapped
from vrgen.messages import HAND_BUTTONS, Action, Controls, Intent, Side

WALK_MPS = 1.6
RUN_MPS = 5.0
LOOK_RAD_PER_PX = 0.0022
STICK_TURN_RADPS = 2.6
SCROLL_MORPH = 0.12
"""Of the latent, standard deviations (radians on its shell) a wheel step: half-way round in 26."""
DRAG_MORPH_PER_PX = 0.004
STICK_MORPH_PER_S = 0.8
_LONGEST_STEP_S = 0.1
"""A stall must not turn the person half round."""

_ACTIONS = {way: b.action for b in BINDINGS if b.action is not None for way in (*b.keys, *b.pad, *b.hand)}


def interpret(
    controls: Controls,
    stance: Stance = REST,
    captured: frozenset[str] = frozenset(),
    turn: Turn = "snap",
    main_hand: Side = "right",
) -> tuple[Intent, Stance]:
    """What the person wants this frame, and how the hands now stand.

    `captured`: what the panel keeps to itself: "keyboard" while a number is typed into it, "pointer" while the
    pointer is on it, names of `HAND_BUTTONS` ("right.pick") while that hand points at it. The gamepad is never
    captured. `turn`, `main_hand`: of a headset's person.
    """
    controls = _without(controls, captured)
    if main_hand == "left":
        controls = swapped(controls)
    intent = _flat(controls, pointer="pointer" not in captured)
    tracked = controls.tracked
    if tracked is None:
        return intent, REST
    if not tracked.valid:  # who can't see does not move
        return Intent(actions=intent.actions, swap=intent.swap), REST
    pad_turn = 0.0 if _morphs(controls) else stick(controls, "right")[0]
    hands, stance = read_hands(controls, tracked, stance, turn, main_hand, pad_turn)
    mouse_yaw = -controls.look_px[0] * LOOK_RAD_PER_PX
    return Intent(
        walk_mps=from_head(intent.walk_mps, tracked),
        turn_rad=(hands.turn_rad[0] + mouse_yaw, 0.0),  # the head alone looks up and down
        jump=intent.jump,
        morph=(intent.morph[0] + hands.morph[0], intent.morph[1] + hands.morph[1]),
        actions=intent.actions,
        swap=intent.swap,
        aim=hands.aim,
        go=hands.go,
        pick=hands.pick or intent.pick,
        drag=hands.drag,
    ), stance


def _without(controls: Controls, captured: frozenset[str]) -> Controls:
    """What the panel has left."""
    if not captured:
        return controls
    keyboard = "keyboard" not in captured

    def ours(name: str) -> bool:
        return name not in captured and (keyboard or name.startswith("pad.") or name in HAND_BUTTONS)

    held = frozenset(name for name in controls.held if ours(name) or name.startswith("mouse."))
    return replace(controls, held=held, pressed=tuple(name for name in controls.pressed if ours(name)))


def _flat(controls: Controls, pointer: bool) -> Intent:
    """What keyboard, mouse and gamepad ask for, and walking and actions by any device."""
    step_s = min(controls.dt_s, _LONGEST_STEP_S)
    stick_x, stick_y = stick(controls, "right")
    look_x, look_y = controls.look_px
    turn_x, turn_y = look_x * LOOK_RAD_PER_PX, look_y * LOOK_RAD_PER_PX
    morph_x = morph_y = 0.0
    if _morphs(controls):
        morph_x, morph_y = stick_x * STICK_MORPH_PER_S * step_s, -stick_y * STICK_MORPH_PER_S * step_s
    else:  # squared: slow near the middle, quick at the rim
        turn_x += stick_x * abs(stick_x) * STICK_TURN_RADPS * step_s
        turn_y += stick_y * abs(stick_y) * STICK_TURN_RADPS * step_s
    if pointer:
        morph_x += controls.scroll * SCROLL_MORPH + controls.drag_px[0] * DRAG_MORPH_PER_PX
        morph_y -= controls.drag_px[1] * DRAG_MORPH_PER_PX
    return Intent(
        walk_mps=_walk(controls),
        turn_rad=(-turn_x, -turn_y),
        jump=not {"space", "pad.a"}.isdisjoint(controls.pressed),
        pick=None if {"e", "pad.rb"}.isdisjoint(controls.pressed) else "eyes",
        morph=(morph_x, morph_y),
        actions=_asked(controls),
        swap=controls.dropped[0] if controls.dropped else None,
    )


def stick(controls: Controls, side: str) -> tuple[float, float]:
    """A gamepad stick, right and down positive, length 0 to 1."""
    return past_dead_zone(controls.axes.get(f"{side}_x", 0.0), controls.axes.get(f"{side}_y", 0.0))


def _morphs(controls: Controls) -> bool:
    """Whether the gamepad's right stick morphs instead of turning."""
    return controls.axes.get("right_trigger", 0.0) > 0.5


def _walk(controls: Controls) -> tuple[float, float]:
    """Right and forward, m/s; diagonals are no faster."""
    held = controls.held

    def either(*names: str) -> float:
        return float(not held.isdisjoint(names))

    right = either("d", "right") - either("a", "left")
    forward = either("w", "up") - either("s", "down")
    if held & {"left ctrl", "right ctrl"}:  # Ctrl+S and the like are no steps
        right = forward = 0.0
    stick_x, stick_y = stick(controls, "left")
    hand_x, hand_y = stick_of(controls, "move")
    right, forward = right + stick_x + hand_x, forward - stick_y + hand_y
    length = math.hypot(right, forward)
    running = either("left shift", "right shift", "pad.ls", "hand.run") or (
        controls.axes.get("left_trigger", 0.0) > 0.5
    )
    speed = (RUN_MPS if running else WALK_MPS) / max(length, 1.0)
    return right * speed, forward * speed


def _asked(controls: Controls) -> tuple[Action, ...]:
    return _actions(controls.pressed, controls.held) + ((Action.QUIT,) if controls.closing else ())


def _actions(pressed: tuple[str, ...], held: frozenset[str]) -> tuple[Action, ...]:
    """Each action whose chord is complete with a key pressed this frame, in the order pressed.

    Shift counts only where a chord names it: who runs with shift held can still press N.
    """
    down = [word for word in MODIFIERS if not held.isdisjoint({f"left {word}", f"right {word}"})]
    asked = []
    for name in pressed:
        if name.startswith("pad.") or name in HAND_BUTTONS:
            asked.append(_ACTIONS.get(name))
        else:
            without_shift = "+".join([*(word for word in down if word != "shift"), name])
            asked.append(_ACTIONS.get("+".join([*down, name])) or _ACTIONS.get(without_shift))
    return tuple(dict.fromkeys(action for action in asked if action is not None))
