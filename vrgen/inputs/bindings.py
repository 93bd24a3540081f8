"""Which key and which gamepad button does what. `interpret` reads this table; help and guide are made from it."""

from dataclasses import dataclass
from functools import cache

from vrgen.messages import Action


@dataclass(frozen=True, slots=True)
class Binding:
    """One thing that can be done, and the ways to do it. A key may be a chord such as "ctrl+z"."""

    does: str
    keys: tuple[str, ...] = ()
    pad: tuple[str, ...] = ()
    action: Action | None = None
    """What is fired; without one the binding is a motion, which `interpret` spells out."""


BINDINGS: tuple[Binding, ...] = (
    Binding("walk", ("w", "a", "s", "d", "up", "left", "down", "right"), ("left stick",)),
    Binding("run", ("left shift", "right shift"), ("pad.ls", "left trigger")),
    Binding("look", ("click, then mouse",), ("right stick",)),
    Binding("jump", ("space",), ("pad.a",)),
    Binding("morph the world", ("scroll", "middle drag", "shift + drag"), ("right trigger + right stick",)),
    Binding("new world", ("n",), ("pad.y",), Action.NEW_WORLD),
    Binding("like", ("l",), ("pad.x",), Action.LIKE),
    Binding("dislike", ("k",), ("pad.b",), Action.DISLIKE),
    Binding("undo", ("z", "ctrl+z"), ("pad.left",), Action.UNDO),
    Binding("redo", ("y", "ctrl+y", "ctrl+shift+z"), ("pad.right",), Action.REDO),
    Binding("pause", ("p",), ("pad.start",), Action.PAUSE),
    Binding("screenshot", ("f12", "f2"), ("pad.up",), Action.SCREENSHOT),
    Binding("full screen", ("f11", "alt+enter"), (), Action.FULL_SCREEN),
    Binding("panel", ("tab", "f1"), ("pad.back",), Action.PANEL),
    Binding("free the mouse, quit", ("escape", "ctrl+q"), (), Action.QUIT),
)

MODIFIERS = ("ctrl", "shift", "alt")

_SHOWN = {"escape": "Esc", "up": "↑", "left": "←", "down": "↓", "right": "→"}


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
    """(how, what) for the overlay: the first way of each, ("N", "new world"), walking as "W A S D"."""
    rows = []
    for binding in BINDINGS:
        keys = binding.keys[:4] if binding.does == "walk" else binding.keys[:1]
        rows.append((" ".join(shown(key) for key in keys), binding.does))
    return tuple(rows)


def markdown() -> str:
    """The whole table for the guide."""
    lines = ["| | keyboard and mouse | gamepad |", "|---|---|---|"]
    for binding in BINDINGS:
        keys, pad = (", ".join(shown(key) for key in ways) for ways in (binding.keys, binding.pad))
        lines.append(f"| {binding.does} | {keys} | {pad} |")
    return "\n".join(lines) + "\n"
