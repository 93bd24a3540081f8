"""Which key, gamepad button and hand does what. `interpret` reads this table; help and guide are made from it."""

from dataclasses import dataclass
from functools import cache

from vrgen.messages import Action


@dataclass(frozen=True, slots=True)
class Binding:
    """One thing that can be done, and the ways to do it. A key may be a chord such as "ctrl+z"."""

    does: str
    keys: tuple[str, ...] = ()
    pad: tuple[str, ...] = ()
    hand: tuple[str, ...] = ()
    """On a headset's controllers: names of `messages.HAND_BUTTONS` and `HAND_AXES`."""
    action: Action | None = None
    """What is fired; without one the binding is a motion, which `interpret` spells out."""


BINDINGS: tuple[Binding, ...] = (
    Binding(
        "walk",
        ("w", "a", "s", "d", "up", "left", "down", "right"),
        ("left stick",),
        ("hand.move_x", "hand.move_y"),
    ),
    Binding("run", ("left shift", "right shift"), ("pad.ls", "left trigger"), ("hand.run",)),
    Binding("look", ("click, then mouse",), ("right stick",), ("hand.turn_x",)),
    Binding("teleport", (), (), ("hand.teleport", "hand.turn_y")),
    Binding("jump", ("space",), ("pad.a",)),
    Binding("pick", ("e",), ("pad.rb",), ("left.pick", "right.pick")),
    Binding(
        "morph the world",
        ("scroll", "middle drag", "shift + drag"),
        ("right trigger + right stick",),
        ("left.drag", "right.drag"),
    ),
    Binding("new world", ("n",), ("pad.y",), ("hand.new_world",), Action.NEW_WORLD),
    Binding("like", ("l",), ("pad.x",), ("hand.like",), Action.LIKE),
    Binding("dislike", ("k",), ("pad.b",), ("hand.dislike",), Action.DISLIKE),
    Binding("undo", ("z", "ctrl+z"), ("pad.left",), ("hand.undo",), Action.UNDO),
    Binding("redo", ("y", "ctrl+y", "ctrl+shift+z"), ("pad.right",), ("hand.redo",), Action.REDO),
    Binding("pause", ("p",), ("pad.start",), ("hand.pause",), Action.PAUSE),
    Binding("screenshot", ("f12", "f2"), ("pad.up",), ("hand.screenshot",), Action.SCREENSHOT),
    Binding("recentre", ("home", "c"), ("pad.rs",), ("hand.recentre",), Action.RECENTRE),
    Binding("full screen", ("f11", "alt+enter"), action=Action.FULL_SCREEN),
    Binding("panel", ("tab", "f1"), ("pad.back",), ("hand.panel",), Action.PANEL),
    Binding("free the mouse, quit", ("escape", "ctrl+q"), action=Action.QUIT),
)

MODIFIERS = ("ctrl", "shift", "alt")

_SHOWN = {"escape": "Esc", "up": "↑", "left": "←", "down": "↓", "right": "→"}

_HANDS = {
    "hand.move_x": "left stick",
    "hand.run": "left stick pressed",
    "hand.turn_x": "right stick",
    "hand.teleport": "right stick forward, let go",
    "left.pick": "left trigger",
    "right.pick": "right trigger",
    "left.drag": "left grip",
    "right.drag": "right grip",
    "hand.new_world": "right A",
    "hand.undo": "right B",
    "hand.redo": "right B, held",
    "hand.like": "left X",
    "hand.screenshot": "left X, held",
    "hand.dislike": "left Y",
    "hand.pause": "left menu",
    "hand.panel": "right stick pressed",
    "hand.recentre": "right stick pressed, held",
}
"""Of the commonest controllers, Meta's; `display/openxr/profiles.py` has those of all."""


def shown(key: str) -> str:
    """A key or button as people write it: "Ctrl+Z", "pad Y"."""
    if key.startswith("pad."):
        return "pad " + key.removeprefix("pad.").upper()
    if "+" in key and " " not in key:
        return "+".join(shown(part) for part in key.split("+"))
    if len(key) == 1 or (key.startswith("f") and key[1:].isdigit()):
        return key.upper()
    return _SHOWN.get(key, key.capitalize())


@cache
def help_rows() -> tuple[tuple[str, str], ...]:
    """(how, what) for the overlay: the first way of each that a keyboard has, ("N", "new world"), walking as
    "W A S D"."""
    rows = []
    for binding in BINDINGS:
        keys = binding.keys[:4] if binding.does == "walk" else binding.keys[:1]
        if keys:
            rows.append((" ".join(shown(key) for key in keys), binding.does))
    return tuple(rows)


@cache
def hand_rows(names: tuple[tuple[str, str], ...] = ()) -> tuple[tuple[str, str], ...]:
    """(how, what) for a headset. `names`: what the controllers at hand have, (name of `HAND_BUTTONS`, words);
    without them those of the common controllers. What has no button is named with "" for how."""
    words = dict(names) or _HANDS
    rows = []
    for binding in BINDINGS:
        ways = [words[name] for name in binding.hand if name in words]
        if ways or (binding.hand and binding.action):
            rows.append((ways[0] if ways else "", binding.does))
    return tuple(rows)


def markdown() -> str:
    """The whole table for the guide."""
    lines = ["| | keyboard and mouse | gamepad | Touch controllers |", "|---|---|---|---|"]
    for binding in BINDINGS:
        keys, pad = (", ".join(shown(key) for key in ways) for ways in (binding.keys, binding.pad))
        hand = ", ".join(_HANDS[name] for name in binding.hand if name in _HANDS)
        lines.append(f"| {binding.does} | {keys} | {pad} | {hand} |")
    return "\n".join(lines) + "\n"
