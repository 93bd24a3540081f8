"""Controls → intent: a pure function of one frame's controls."""

import math

from vrgen.inputs.bindings import BINDINGS, MODIFIERS
from vrgen.messages import Action, Controls, Intent

WALK_MPS = 1.6
RUN_MPS = 5.0
LOOK_RAD_PER_PX = 0.0022
STICK_TURN_RADPS = 2.6
SCROLL_MORPH = 0.12
"""Of the latent, standard deviations (radians on its shell) a wheel step: half-way round in 26."""
DRAG_MORPH_PER_PX = 0.004
STICK_MORPH_PER_S = 0.8
DEAD_ZONE = 0.18
_LONGEST_STEP_S = 0.1
"""A stall must not turn the person half round."""

_ACTIONS = {way: b.action for b in BINDINGS if b.action is not None for way in (*b.keys, *b.pad)}


def interpret(controls: Controls, captured: frozenset[str] = frozenset()) -> Intent:
    """What the person wants this frame.

    `captured`: what the panel keeps to itself: "keyboard" while a number is typed into it, "pointer" while the
    pointer is on it. The gamepad is never captured.
    """
    keyboard, pointer = "keyboard" not in captured, "pointer" not in captured
    held = frozenset(name for name in controls.held if keyboard or name.startswith(("pad.", "mouse.")))
    pressed = tuple(name for name in controls.pressed if keyboard or name.startswith("pad."))
    step_s = min(controls.dt_s, _LONGEST_STEP_S)
    morphing = controls.axes.get("right_trigger", 0.0) > 0.5
    stick_x, stick_y = stick(controls, "right")
    look_x, look_y = controls.look_px
    turn_x, turn_y = look_x * LOOK_RAD_PER_PX, look_y * LOOK_RAD_PER_PX
    morph_x = morph_y = 0.0
    if morphing:
        morph_x, morph_y = stick_x * STICK_MORPH_PER_S * step_s, -stick_y * STICK_MORPH_PER_S * step_s
    else:  # squared: slow near the middle, quick at the rim
        turn_x += stick_x * abs(stick_x) * STICK_TURN_RADPS * step_s
        turn_y += stick_y * abs(stick_y) * STICK_TURN_RADPS * step_s
    if pointer:
        morph_x += controls.scroll * SCROLL_MORPH + controls.drag_px[0] * DRAG_MORPH_PER_PX
        morph_y -= controls.drag_px[1] * DRAG_MORPH_PER_PX
    return Intent(
        walk_mps=_walk(controls, held),
        turn_rad=(-turn_x, -turn_y),
        jump=not {"space", "pad.a"}.isdisjoint(pressed),
        morph=(morph_x, morph_y),
        actions=_actions(pressed, held) + ((Action.QUIT,) if controls.closing else ()),
        swap=controls.dropped[0] if controls.dropped else None,
    )


def stick(controls: Controls, side: str) -> tuple[float, float]:
    """A gamepad stick, right and down positive, length 0 to 1; rests inside `DEAD_ZONE` and grows from its rim."""
    x, y = controls.axes.get(f"{side}_x", 0.0), controls.axes.get(f"{side}_y", 0.0)
    length = math.hypot(x, y)
    if length <= DEAD_ZONE:
        return 0.0, 0.0
    gain = min((length - DEAD_ZONE) / (1 - DEAD_ZONE), 1.0) / length
    return x * gain, y * gain


def _walk(controls: Controls, held: frozenset[str]) -> tuple[float, float]:
    """Right and forward, m/s; diagonals are no faster."""

    def either(*names: str) -> float:
        return float(not held.isdisjoint(names))

    right = either("d", "right") - either("a", "left")
    forward = either("w", "up") - either("s", "down")
    if held & {"left ctrl", "right ctrl"}:  # Ctrl+S and the like are no steps
        right = forward = 0.0
    stick_x, stick_y = stick(controls, "left")
    right, forward = right + stick_x, forward - stick_y
    length = math.hypot(right, forward)
    running = either("left shift", "right shift", "pad.ls") or controls.axes.get("left_trigger", 0.0) > 0.5
    speed = (RUN_MPS if running else WALK_MPS) / max(length, 1.0)
    return right * speed, forward * speed


def _actions(pressed: tuple[str, ...], held: frozenset[str]) -> tuple[Action, ...]:
    """Each action whose chord is complete with a key pressed this frame, in the order pressed.

    Shift counts only where a chord names it: who runs with shift held can still press N.
    """
    down = [word for word in MODIFIERS if not held.isdisjoint({f"left {word}", f"right {word}"})]
    asked = []
    for name in pressed:
        if name.startswith("pad."):
            asked.append(_ACTIONS.get(name))
        else:
            without_shift = "+".join([*(word for word in down if word != "shift"), name])
            asked.append(_ACTIONS.get("+".join([*down, name])) or _ACTIONS.get(without_shift))
    return tuple(dict.fromkeys(action for action in asked if action is not None))
