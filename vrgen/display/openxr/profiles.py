"""Which button of which controller does what: one table, for bindings, for help on the controllers, for the guide.

Plain data, no OpenXR loaded. The paths are those of the specification's registry (OpenXR 1.1, 6.4, and the
extensions named below). What a runtime's own binding page changes, changes beneath this: vrgen asks for actions,
not for buttons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from vrgen.messages import HAND_BUTTONS, Side

SIDES: tuple[Side, Side] = ("left", "right")


class Kind(Enum):
    """What an action gives."""

    CLICK = "on or off"
    VALUE = "0 to 1"
    STICK = "x and y, -1 to 1"
    POSE = "a place"
    PULSE = "something to feel"


class Action(NamedTuple):
    """One action as the runtime knows it. `sided`: each hand has its own."""

    kind: Kind
    words: str
    """As the runtime's binding page shows it."""
    sided: bool = False


ACTIONS: Mapping[str, Action] = {
    "new_world": Action(Kind.CLICK, "New world"),
    "undo": Action(Kind.CLICK, "Undo"),
    "redo": Action(Kind.CLICK, "Redo"),
    "like": Action(Kind.CLICK, "Like"),
    "dislike": Action(Kind.CLICK, "Dislike"),
    "pause": Action(Kind.CLICK, "Pause"),
    "panel": Action(Kind.CLICK, "Panel"),
    "screenshot": Action(Kind.CLICK, "Screenshot"),
    "run": Action(Kind.CLICK, "Run"),
    "recentre": Action(Kind.CLICK, "Recentre"),
    "teleport": Action(Kind.CLICK, "Teleport (hold to aim)"),
    "move": Action(Kind.STICK, "Move"),
    "turn": Action(Kind.STICK, "Turn (forward: teleport)"),
    "pick": Action(Kind.VALUE, "Pick", sided=True),
    "drag": Action(Kind.VALUE, "Drag the latent", sided=True),
    "pad": Action(Kind.STICK, "Trackpad", sided=True),
    "pad_press": Action(Kind.VALUE, "Trackpad pressed", sided=True),
    "grip": Action(Kind.POSE, "Hand", sided=True),
    "aim": Action(Kind.POSE, "Pointer", sided=True),
    "haptic": Action(Kind.PULSE, "Vibration", sided=True),
    "gaze": Action(Kind.POSE, "Gaze"),
}
"""What is bound below: "hand.NAME" of these, or "left.NAME" and "right.NAME" of the sided ones."""

LONG: Mapping[str, str] = {
    "hand.undo": "hand.redo",
    "hand.like": "hand.screenshot",
    "hand.panel": "hand.recentre",
}
"""What holding a button does, on controllers that have no button of its own for it."""

Bindings = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Profile:
    """One kind of controller and what its parts do."""

    path: str
    """The interaction profile, without "/interaction_profiles/"."""
    name: str
    """In words."""
    bindings: Bindings
    """What is asked for → where it is: full component paths."""
    model: str = ""
    """Name of the controller's model in assets/controllers; "" for none."""
    extension: str = ""
    """The extension that brings the profile; "" for those of OpenXR 1.0."""
    core: tuple[int, int] | None = None
    """The version of OpenXR that has it without the extension."""
    pads: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    """A trackpad pressed at "up", "down", "left", "right", or at "any" place → what it does; "turn.left" and
    "turn.right" turn as a stick does that is pushed there."""
    drag_on: float = 0.6
    """How firm a squeeze drags."""
    hold: Mapping[str, str] = field(default_factory=dict)
    """Long presses beside `LONG`."""
    pick_teleports: bool = False
    """There is no stick or pad: a pick that is held aims a teleport (`inputs` sees to it)."""
    full: bool = True
    """Buttons enough for everything but what is `on_panel`."""
    bare: bool = False
    """No controller: the hand itself. Both fists at once ask for the panel."""

    def works_with(self, extensions: frozenset[str], version: tuple[int, int]) -> bool:
        """Whether an instance of that OpenXR version with those extensions knows the profile."""
        if self.core is not None and version >= self.core:
            return True
        return self.extension in extensions if self.extension else self.core is None

    @property
    def direct(self) -> frozenset[str]:
        """What of HAND_BUTTONS has a button, a direction of a pad or a stick of its own."""
        names = set(self.bindings) | {name for pad in self.pads.values() for name in pad.values()}
        if "hand.turn" in self.bindings or self.pick_teleports:
            names.add("hand.teleport")
        if self.bare:
            names.add("hand.panel")
        return frozenset(names & HAND_BUTTONS)

    @property
    def long(self) -> dict[str, str]:
        """Buttons that do something else when they are held: what they do → what holding them does."""
        direct = self.direct
        both = {**LONG, **self.hold}
        return {short: held for short, held in both.items() if short in direct and held not in direct}

    @property
    def on_panel(self) -> frozenset[str]:
        """What has no button on this controller, and is on the panel only."""
        return HAND_BUTTONS - self.direct - frozenset(self.long.values())


# --- the table --------------------------------------------------------------------------------------------


def _bound(**components: str) -> dict[str, tuple[str, ...]]:
    """`hand_undo="right b/click"` as {"hand.undo": ("/user/hand/right/input/b/click",)}.

    What either hand has is named once: `pick="trigger/value"` binds "left.pick" and "right.pick".
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, component in components.items():
        if name.startswith(("hand_", "left_", "right_")):
            side, part = component.split(" ")
            found[name.replace("_", ".", 1)] = (f"/user/hand/{side}/{_put(part)}",)
        else:
            for side in SIDES:
                found[f"{side}.{name}"] = (f"/user/hand/{side}/{_put(component)}",)
    return found


def _put(part: str) -> str:
    return part if part.startswith("output/") else f"input/{part}"


_POSES = _bound(grip="grip/pose", aim="aim/pose")
_HAND = _POSES | _bound(haptic="output/haptic")
_STICKS = _bound(hand_move="left thumbstick", hand_turn="right thumbstick", hand_panel="right thumbstick/click")
_RUN = _bound(hand_run="left thumbstick/click")
_ABXY = _bound(
    hand_new_world="right a/click",
    hand_undo="right b/click",
    hand_like="left x/click",
    hand_dislike="left y/click",
)
_VALUES = _bound(pick="trigger/value", drag="squeeze/value")
_CLICKED_GRIP = _bound(pick="trigger/value", drag="squeeze/click")
_PADS = _bound(pad="trackpad", pad_press="trackpad/click")
_TOUCH = _HAND | _STICKS | _RUN | _ABXY | _VALUES | _bound(hand_pause="left menu/click")
_MIXED_REALITY = (
    _HAND
    | _STICKS
    | _RUN
    | _CLICKED_GRIP
    | _PADS
    | _bound(hand_pause="left menu/click", hand_new_world="right menu/click")
)
_OPINION = {"up": "hand.like", "down": "hand.dislike", "left": "hand.undo", "right": "hand.redo"}
_SPARE: Mapping[Side, Mapping[str, str]] = {
    "left": _OPINION,
    "right": {"up": "hand.screenshot", "down": "hand.recentre"},
}

EYES = "/user/eyes_ext"

PROFILES: tuple[Profile, ...] = (
    Profile(
        "valve/index_controller",
        "Valve Index",
        # The grip's value is full as soon as the fingers lie on it; its force is meant.
        _HAND
        | _STICKS
        | _bound(
            hand_new_world="right a/click",
            hand_undo="right b/click",
            hand_like="left a/click",
            hand_dislike="left b/click",
            hand_pause="left thumbstick/click",
            pick="trigger/value",
            drag="squeeze/force",
            pad="trackpad",
            pad_press="trackpad/force",
        ),
        model="index",
        pads={"left": {"any": "hand.run"}, "right": {"any": "hand.redo"}},
        drag_on=0.3,
    ),
    Profile(
        "htc/vive_controller",
        "HTC Vive",
        _HAND
        | _CLICKED_GRIP
        | _PADS
        | _bound(hand_move="left trackpad", hand_pause="left menu/click", hand_new_world="right menu/click"),
        model="vive",
        pads={
            "left": _OPINION,
            "right": {"up": "hand.teleport", "down": "hand.panel", "left": "turn.left", "right": "turn.right"},
        },
    ),
    Profile("oculus/touch_controller", "Meta Quest and Rift", _TOUCH, model="touch"),
    Profile("meta/touch_controller_rift_cv1", "Rift CV1", _TOUCH, model="touch", core=(1, 1)),
    Profile("meta/touch_controller_quest_1_rift_s", "Quest 1 and Rift S", _TOUCH, model="touch", core=(1, 1)),
    Profile("meta/touch_controller_quest_2", "Quest 2", _TOUCH, model="touch", core=(1, 1)),
    Profile("meta/touch_plus_controller", "Touch Plus (Quest 3)", _TOUCH, model="touch-plus", core=(1, 1)),
    Profile("meta/touch_pro_controller", "Touch Pro", _TOUCH, model="touch-pro", core=(1, 1)),
    Profile(
        "meta/touch_controller_plus",
        "Touch Plus (Quest 3)",
        _TOUCH,
        model="touch-plus",
        extension="XR_META_touch_controller_plus",
    ),
    Profile(
        "facebook/touch_controller_pro",
        "Touch Pro",
        _TOUCH,
        model="touch-pro",
        extension="XR_FB_touch_controller_pro",
    ),
    Profile("microsoft/motion_controller", "Windows Mixed Reality", _MIXED_REALITY, model="wmr", pads=_SPARE),
    Profile(
        "samsung/odyssey_controller",
        "Samsung Odyssey",
        _MIXED_REALITY,
        model="wmr",
        extension="XR_EXT_samsung_odyssey_controller",
        core=(1, 1),
        pads=_SPARE,
    ),
    Profile(
        "hp/mixed_reality_controller",
        "HP Reverb G2",
        _TOUCH | _bound(hand_redo="right menu/click"),
        model="hp",
        extension="XR_EXT_hp_mixed_reality_controller",
        core=(1, 1),
    ),
    Profile(
        "htc/vive_cosmos_controller",
        "HTC Vive Cosmos",
        _TOUCH | _CLICKED_GRIP | _bound(hand_screenshot="left shoulder/click", hand_redo="right shoulder/click"),
        model="cosmos",
        extension="XR_HTC_vive_cosmos_controller_interaction",
        core=(1, 1),
    ),
    Profile(
        "htc/vive_focus3_controller",
        "HTC Vive Focus 3",
        _TOUCH,
        model="focus3",
        extension="XR_HTC_vive_focus3_controller_interaction",
        core=(1, 1),
    ),
    Profile(
        "bytedance/pico_neo3_controller",
        "Pico Neo 3",
        _TOUCH | _bound(hand_redo="right menu/click"),
        model="pico",
        extension="XR_BD_controller_interaction",
        core=(1, 1),
    ),
    Profile(
        "bytedance/pico4_controller",
        "Pico 4",
        _TOUCH,
        model="pico",
        extension="XR_BD_controller_interaction",
        core=(1, 1),
    ),
    Profile(
        "bytedance/pico_ultra_controller_bd",
        "Pico 4 Ultra",
        _TOUCH,
        model="pico",
        extension="XR_BD_ultra_controller_interaction",
    ),
    Profile(
        "bytedance/pico_g3_controller",
        "Pico G3",
        _POSES
        | _STICKS
        | _RUN
        | _bound(pick="trigger/value", hand_pause="left menu/click", hand_new_world="right menu/click"),
        model="pico",
        extension="XR_BD_controller_interaction",
        core=(1, 1),
        full=False,
    ),
    Profile(
        "khr/generic_controller",
        "any other with sticks",
        _HAND
        | _STICKS
        | _VALUES
        | _bound(
            hand_new_world="right primary/click",
            hand_undo="right secondary/click",
            hand_like="left primary/click",
            hand_dislike="left secondary/click",
            hand_pause="left thumbstick/click",
        ),
        extension="XR_KHR_generic_controller",
    ),
    Profile(
        "khr/simple_controller",
        "any other",
        _HAND | _bound(pick="select/click", hand_new_world="right menu/click", hand_undo="left menu/click"),
        hold={"hand.new_world": "hand.panel"},
        pick_teleports=True,
        full=False,
    ),
    Profile(
        "ext/hand_interaction_ext",
        "bare hands",
        _POSES | _bound(pick="pinch_ext/value", drag="grasp_ext/value"),
        extension="XR_EXT_hand_interaction",
        pick_teleports=True,
        full=False,
        bare=True,
    ),
    Profile(
        "microsoft/hand_interaction",
        "bare hands",
        _POSES | _bound(pick="select/value", drag="squeeze/value"),
        extension="XR_MSFT_hand_interaction",
        pick_teleports=True,
        full=False,
        bare=True,
    ),
    Profile(
        "ext/eye_gaze_interaction",
        "eyes",
        {"hand.gaze": (f"{EYES}/input/gaze_ext/pose",)},
        extension="XR_EXT_eye_gaze_interaction",
        full=False,
    ),
)

BARE = Profile("", "bare hands", {}, pick_teleports=True, full=False, bare=True)
"""A hand that only joints tell of."""

_BY_PATH = {profile.path: profile for profile in PROFILES}


def profile_of(path: str) -> Profile | None:
    """The profile of `Hand.profile`; None for one that vrgen does not know, and for ""."""
    return _BY_PATH.get(path)


# --- in words ---------------------------------------------------------------------------------------------

DOES: Mapping[str, str] = {
    "hand.new_world": "new world",
    "hand.undo": "undo",
    "hand.redo": "redo",
    "hand.like": "like",
    "hand.dislike": "dislike",
    "hand.pause": "pause",
    "hand.panel": "panel",
    "hand.screenshot": "screenshot",
    "hand.run": "run",
    "hand.recentre": "recentre",
    "hand.teleport": "teleport",
    "hand.move": "move",
    "hand.turn": "turn; forward: teleport",
    "turn.left": "turn",
    "turn.right": "turn",
    "left.pick": "pick",
    "right.pick": "pick",
    "left.drag": "drag the latent",
    "right.drag": "drag the latent",
}

_PARTS: Mapping[str, str] = {
    "thumbstick": "stick",
    "thumbstick/click": "stick pressed",
    "trackpad": "pad",
    "trigger/value": "trigger",
    "squeeze/value": "grip",
    "squeeze/click": "grip",
    "squeeze/force": "grip",
    "menu/click": "menu",
    "select/click": "main button",
    "select/value": "pinch",
    "pinch_ext/value": "pinch",
    "grasp_ext/value": "fist",
    "shoulder/click": "shoulder button",
    "primary/click": "lower button",
    "secondary/click": "upper button",
    **{f"{letter}/click": letter.upper() for letter in "abxy"},
}


class Row(NamedTuple):
    """One button and what it does."""

    side: Side
    button: str
    """In words: "stick", "A", "pad pressed, up"."""
    does: str
    component: str
    """Which part of the controller: "thumbstick", "trigger", "a"."""
    names: tuple[str, ...] = ()
    """What it is in the table above and, after that, what holding it is."""


def help_of(profile: Profile) -> tuple[Row, ...]:
    """What the buttons of a controller do, the left hand's first."""
    rows: list[Row] = []

    def tell(side: Side, button: str, name: str, component: str) -> None:
        held = profile.long.get(name)
        if held is None and profile.pick_teleports and name.endswith(".pick"):
            held = "hand.teleport"
        does = DOES[name] if held is None else f"{DOES[name]}; hold: {DOES[held]}"
        rows.append(Row(side, button, does, component, (name,) if held is None else (name, held)))

    for name in DOES:
        for path in profile.bindings.get(name, ()):
            part = path.split("/input/")[1]
            button = "fist" if profile.bare and part == "squeeze/value" else _PARTS[part]
            tell("left" if "/left/" in path else "right", button, name, part.split("/")[0])
    for side, pad in profile.pads.items():
        for place, name in pad.items():
            tell(side, "pad pressed" if place == "any" else f"pad pressed, {place}", name, "trackpad")
    if profile.bare:
        tell("right", "both fists", "hand.panel", "")
    return tuple(sorted(rows, key=lambda row: row.side))


_AXES = {
    "hand.move": "hand.move_x",
    "hand.turn": "hand.turn_x",
    "turn.left": "hand.turn_x",
    "turn.right": "hand.turn_x",
}


def words_of(left: Profile | None, right: Profile | None) -> tuple[tuple[str, str], ...]:
    """(name of HAND_BUTTONS or HAND_AXES, where it is) of the controllers at hand: ("hand.undo", "right B")."""
    words: dict[str, str] = {}
    for side, profile in (("left", left), ("right", right)):
        for row in help_of(profile) if profile is not None else ():
            if row.side == side:
                where = f"{side} {row.button}" if row.component else row.button
                name, *held = (_AXES.get(name, name) for name in row.names)
                words.setdefault(name, where)
                for long in held:
                    words.setdefault(long, f"{where}, held")
    if words.get("hand.turn_x") == "right stick":
        words.setdefault("hand.teleport", "right stick forward, let go")
    return tuple(words.items())


def table(profiles: Sequence[Profile] = PROFILES) -> str:
    """Markdown for the guide: what every controller's buttons do; controllers that do the same share a row."""
    shared: dict[tuple[Row, ...], list[Profile]] = {}
    for profile in profiles:
        rows = tuple(row._replace(component="", names=()) for row in help_of(profile))
        if rows:
            shared.setdefault(rows, []).append(profile)
    lines = ["| controller | left hand | right hand | on the panel only |", "|---|---|---|---|"]
    for rows, same in shared.items():
        names = ", ".join(dict.fromkeys(profile.name for profile in same))
        hands = ["; ".join(f"**{r.button}** {r.does}" for r in rows if r.side == side) for side in SIDES]
        rest = ", ".join(sorted({DOES[name] for name in same[0].on_panel})) or "–"
        lines.append(f"| {names} | {hands[0]} | {hands[1]} | {rest} |")
    return "\n".join(lines) + "\n"
