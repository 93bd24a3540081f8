"""Names of keys, buttons and axes as `Controls` gives them, from what GLFW reports."""

import glfw

KEYS: dict[int, str] = {
    glfw.KEY_SPACE: "space",
    glfw.KEY_ESCAPE: "escape",
    glfw.KEY_ENTER: "enter",
    glfw.KEY_KP_ENTER: "enter",
    glfw.KEY_TAB: "tab",
    glfw.KEY_BACKSPACE: "backspace",
    glfw.KEY_INSERT: "insert",
    glfw.KEY_DELETE: "delete",
    glfw.KEY_RIGHT: "right",
    glfw.KEY_LEFT: "left",
    glfw.KEY_DOWN: "down",
    glfw.KEY_UP: "up",
    glfw.KEY_PAGE_UP: "page up",
    glfw.KEY_PAGE_DOWN: "page down",
    glfw.KEY_HOME: "home",
    glfw.KEY_END: "end",
    glfw.KEY_LEFT_SHIFT: "left shift",
    glfw.KEY_RIGHT_SHIFT: "right shift",
    glfw.KEY_LEFT_CONTROL: "left ctrl",
    glfw.KEY_RIGHT_CONTROL: "right ctrl",
    glfw.KEY_LEFT_ALT: "left alt",
    glfw.KEY_RIGHT_ALT: "right alt",
    **{getattr(glfw, f"KEY_{c}"): c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
    **{getattr(glfw, f"KEY_F{n}"): f"f{n}" for n in range(1, 13)},
}

MOUSE = {
    glfw.MOUSE_BUTTON_LEFT: "mouse.left",
    glfw.MOUSE_BUTTON_RIGHT: "mouse.right",
    glfw.MOUSE_BUTTON_MIDDLE: "mouse.middle",
}

PAD_BUTTONS = (
    "pad.a",
    "pad.b",
    "pad.x",
    "pad.y",
    "pad.lb",
    "pad.rb",
    "pad.back",
    "pad.start",
    "pad.guide",
    "pad.ls",
    "pad.rs",
    "pad.up",
    "pad.right",
    "pad.down",
    "pad.left",
)
PAD_STICKS = ("left_x", "left_y", "right_x", "right_y")
PAD_TRIGGERS = ("left_trigger", "right_trigger")

_BY_PLACE = frozenset("wasd")


def key_name(key: int, scancode: int, mods: int) -> str | None:
    """The name of a pressed key; None for one that vrgen has no use for.

    W A S D are named by where they sit, so that walking works on every layout; every other letter, and those four
    while control is down, by what is printed on the key, so that Ctrl+Z is Ctrl+Z in France too.
    """
    name = KEYS.get(key)
    if name is None or len(name) > 1 or (name in _BY_PLACE and not mods & glfw.MOD_CONTROL):
        return name
    printed = glfw.get_key_name(key, scancode)
    return printed.lower() if printed and printed.isascii() and printed.isalnum() else name
