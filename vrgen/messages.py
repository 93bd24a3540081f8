"""What flows between the stages. Frozen data, no behaviour, no GL, no torch.

display ── Controls ─► inputs ── Intent ─► generator ── Generated ─► scene ── Scene ─► renderer ─► display

`Scene` and what it is made of are in `vrgen/scene_model.py`; manifests are in `vrgen/contract.py`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from vrgen.contract import OutputSpec
from vrgen.geometry import Array, Fov, Pose, Vec3
from vrgen.on_gpu import OnGpu

Tile = tuple[int, int]
"""(ix, iz): column along +X, row along +Z of the endless ground."""

InputValue = npt.NDArray[np.float32] | npt.NDArray[np.int64] | npt.NDArray[np.uint8]
"""uint8: a prompt's text (`vrgen/prompts.py`)."""


# --- display → inputs -------------------------------------------------------------------------------------


Side = Literal["left", "right"]
Pointer = Literal["left", "right", "eyes"]
"""What one points with: a hand, or where one looks."""


@dataclass(frozen=True, slots=True)
class ButtonLabel:
    """What one button does. `button`: OpenXR's name of the component, "trigger", "thumbstick", "a"."""

    button: str
    text: str
    does: str = ""
    """Lit while this of `HAND_BUTTONS`, without its side, is pressed."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand as a headset's runtime tracks it, in the room; a pose is None while it is not tracked."""

    side: Side
    grip_room: Pose | None = None
    """Where the hand holds: -Z along the fist's axis forwards (OpenXR 1.1, 6.3.1)."""
    aim_room: Pose | None = None
    """Where the hand points: along -Z."""
    profile: str = ""
    """Which controller: the interaction profile without its prefix, "valve/index_controller"; "" for none."""
    model: str = ""
    """The folder of its model under assets/controllers; "" for the plain one."""
    labels: tuple[ButtonLabel, ...] = ()
    """What the controller's buttons do."""
    joints_room: Array | None = None
    """(26, 4) x, y, z and radius, metres, of a tracked bare hand in OpenXR's order (palm, wrist, thumb …)."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a headset knows of the person, in the *room*: a frame on the floor, +Y up, metres."""

    head_room: Pose = field(default_factory=Pose)
    gaze_room: Pose | None = None
    """Where the eyes look, along -Z; None where they are not tracked (then the head's direction counts)."""
    hands: tuple[Hand, ...] = ()
    valid: bool = True
    """False while tracking is lost: `head_room` is the last that was known."""
    room: int = 1
    """Goes up when the room's origin has moved (recentred, or another session): poses before and after can't be
    compared, and the person stays where they are in the world."""
    words: tuple[tuple[str, str], ...] = ()
    """What the controllers at hand call their buttons: ("hand.new_world", "right A"). The rest they lack; () while
    there is none."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What the devices say this frame.

    Names are lower case: "w", "space", "left shift", "mouse.left", "pad.a"; of a headset's controllers by what
    they do, "hand.new_world", and for what either hand does, "left.pick" (`HAND_BUTTONS`, `HAND_AXES`).
    """

    time_s: float = 0.0
    dt_s: float = 0.0
    held: frozenset[str] = frozenset()
    pressed: tuple[str, ...] = ()
    """Went down since the last frame, in order; a key that repeats is not named again."""
    typed: str = ""
    pointer_px: tuple[float, float] | None = None
    """In framebuffer pixels from the top left; None while the pointer is captured for looking, or absent."""
    look_px: tuple[float, float] = (0.0, 0.0)
    """Movement of the captured pointer (right, down), pixels."""
    drag_px: tuple[float, float] = (0.0, 0.0)
    """Movement of the pointer while the middle button, or shift and the left one, is down."""
    scroll: float = 0.0
    """Wheel steps, up positive."""
    axes: Mapping[str, float] = field(default_factory=dict)
    """Gamepad: "left_x", "left_y", "right_x", "right_y" in [-1, 1], right and down positive; "left_trigger",
    "right_trigger" in [0, 1]."""
    dropped: tuple[Path, ...] = ()
    """Files dropped onto the window this frame."""
    closing: bool = False
    tracked: Tracked | None = None
    """A headset's person; None on a flat display."""


HAND_BUTTONS = frozenset(
    {
        *("hand.new_world", "hand.undo", "hand.redo", "hand.like", "hand.dislike", "hand.pause", "hand.panel"),
        *("hand.screenshot", "hand.run", "hand.recentre", "hand.teleport"),
        *("left.pick", "right.pick", "left.drag", "right.drag"),
    }
)
"""What a headset's controllers can say in `Controls.held` and `pressed`. `teleport`: aimed while held, gone to on
release; `pick`: trigger or pinch; `drag`: squeeze."""

HAND_AXES = ("hand.move_x", "hand.move_y", "hand.turn_x", "hand.turn_y")
"""In `Controls.axes`, [-1, 1], right and forward positive; absent where the controllers have no stick or pad."""


# --- the person -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """Where the person stands and looks. `feet_world` metres; yaw 0 looks to -Z, positive turns left.

    On a headset yaw is the room's, and the feet are under the head (`vrgen/room.py`).
    """

    feet_world: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_rad: float = 0.0
    pitch_rad: float = 0.0
    fall_mps: float = 0.0
    """Vertical speed, negative when falling."""
    eye_height_m: float = 1.7
    room: int = 0
    """Which `Tracked.room` the person is in; 0 on a flat display."""
    head_room: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """x and z: the place in the room that lies at `feet_world`; y: the head's height over the floor, metres."""
    head_yaw_rad: float = 0.0
    """Heading of the head within the room."""
    lift_m: float = 0.0
    """How far the room's floor lies above the feet, so that who sits sees the world as who stands."""


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """The part of a view that the lenses hide: `triangles` (T, 3, 2) float32, x and y on the plane z = -1 of the
    eye. One object stays the same as long as its content does."""

    triangles: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """One eye or camera and where its pixels go."""

    world_from_eye: Array
    fov: Fov
    framebuffer: int
    """GL name of the framebuffer that takes the finished, sRGB-encoded picture."""
    rect_px: tuple[int, int, int, int]
    """x, y, width, height within that framebuffer, from the bottom left."""
    depth: bool = False
    """The framebuffer has a 32-bit float depth attachment that takes the picture's depth (reversed, infinite)."""
    mask: Mask | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Quad:
    """A flat picture that stands in the world: OpenXR's quad layer, or drawn like any other thing."""

    texture: int
    """GL name of an RGBA8 texture, sRGB-encoded, alpha premultiplied."""
    size_px: tuple[int, int]
    """Of the texture."""
    rect_px: tuple[int, int, int, int]
    """x, y, width, height of what is shown of it, from the lower left."""
    world_from_quad: Array
    """Its centre; +X right, +Y up, seen from +Z."""
    width_m: float
    stamp: int = 0
    """Goes up when the picture has changed."""

    @property
    def height_m(self) -> float:
        return self.width_m * self.rect_px[3] / self.rect_px[2]


# --- inputs → the rest ------------------------------------------------------------------------------------


class Action(Enum):
    """What a person can ask for besides moving. Each fires once a press."""

    NEW_WORLD = "new world"
    UNDO = "undo"
    REDO = "redo"
    LIKE = "like"
    DISLIKE = "dislike"
    PAUSE = "pause"
    SCREENSHOT = "screenshot"
    FULL_SCREEN = "full screen"
    PANEL = "panel"
    RECENTRE = "recentre"
    """Look straight ahead; on a headset, stand at full height or sit again."""
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing a person can steer: an input, or inputs of the same name and shape in several checkpoints."""

    name: str
    kind: str
    """"latent", "slider", "label", "prompt" or "image"."""
    shape: tuple[int, ...]
    label: str
    generators: tuple[str, ...]
    prior: str = "normal"
    range: tuple[float, float] = (0.0, 1.0)
    default: float = 0.0
    labels: tuple[str, ...] = ()
    one_hot: bool = True
    encoder: str = ""
    """Of a prompt: who turns its text into numbers of `shape`."""

    def part(self, generator: str) -> str:
        """The name under which one of its generators has a value of its own."""
        return f"{generator}.{self.name}"


@dataclass(frozen=True, eq=False, slots=True)
class Turn:
    """From this frame of a gallery on, other pictures hang: like one that was liked, or drawn anew."""

    generator: str
    slot: int
    """Which frame along the way, from 0."""
    values: Mapping[str, InputValue]
    """What the liked picture was made from, by the manifest's names; empty: beyond it all is drawn anew."""
    at: tuple[float, float] = (0.0, 0.0)
    """How far the latents were morphed when it was seen."""
    draw: int = 0
    """No two turns of one world draw the same."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where every knob stands. `world` names the proposal: it changes with N, undo and redo, not with a morph."""

    world: int = 0
    revision: int = 0
    """Goes up with every change of a value; results of a lower revision are stale within a world."""
    seed: int = 0
    values: Mapping[str, InputValue] = field(default_factory=dict)
    """By knob name, each of the knob's shape; a prompt as its text. By `Knob.part` what a generator gets in
    place of the latent that it shares. A one-hot label beside a prompt is all zeros until the person chooses one:
    then the prompt decides."""
    at: tuple[float, float] = (0.0, 0.0)
    """How far the latents in `values` are morphed."""
    drawn: frozenset[str] = frozenset()
    """Knobs that chance has set: latents, and labels that neither the person nor a prompt has chosen."""
    turns: tuple[Turn, ...] = ()
    """In the order along the way."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What the person wants now."""

    walk_mps: tuple[float, float] = (0.0, 0.0)
    """Right and forward, in the person's own frame."""
    turn_rad: tuple[float, float] = (0.0, 0.0)
    """Yaw and pitch to add this frame."""
    jump: bool = False
    morph: tuple[float, float] = (0.0, 0.0)
    """Displacement of the latent this frame along its two steering directions, in standard deviations."""
    actions: tuple[Action, ...] = ()
    settings: Mapping[str, InputValue] = field(default_factory=dict)
    """Knobs set this frame (sliders, labels), by name."""
    swap: Path | None = None
    """A checkpoint the person chose in place of a running one."""
    aim: Side | None = None
    """The hand that aims a teleport now."""
    go: Side | None = None
    """The hand that lets go of its aim: be there, if one can stand there."""
    pick: Pointer | None = None
    """What picks this frame, of the world, what it points at."""
    drag: Side | None = None
    """The hand that drags the latent now."""


# --- app → generator → scene ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series:
    """What makes each picture of a gallery another: `vrgen.series.sample` draws it, by the number of the frame."""

    knobs: tuple[Knob, ...]
    """Latents and labels that chance sets, named as the generator's manifest names them."""
    seed: int = 0
    at: tuple[float, float] = (0.0, 0.0)
    turns: tuple[Turn, ...] = ()
    """Of this generator."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one generator should be asked for now, whole: the scene knows which parts of it are still missing."""

    generator: str
    epoch: int
    """Goes up with another world or another checkpoint."""
    revision: int
    """Goes up whenever the inputs change."""
    inputs: Mapping[str, InputValue] = field(default_factory=dict)
    seed: int = 0
    tiled: bool = False
    """Asked for tile by tile."""
    tile_m: float = 0.0
    """Side of such a tile, metres; 0 when it is not said."""
    variants: int = 1
    series: Series | None = None
    """Asked for frame by frame of a gallery, each with a sample of this beside `inputs`."""
    camera: str = ""
    """The input that says where the person looks from: it is asked again as they move."""
    view_px: tuple[int, int] = (1, 1)
    """Height and width of what is seen from there."""
    lively: bool = False
    """What is seen changes by itself: it is asked again and again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One wanted call of one generator. Requests with equal `key` replace each other, the newest winning."""

    generator: str
    epoch: int
    """Of the world asked for; a result of an older epoch is dropped."""
    revision: int
    """Within the epoch; a result of an older revision than one already shown is dropped."""
    inputs: Mapping[str, InputValue] = field(default_factory=dict)
    """Every input that a call needs except those the worker fills itself (tile, time, noise, state)."""
    tile: Tile | None = None
    variant: int = 0
    """Seeds the `noise` inputs: several different results of one choice (rock 0, rock 1, …; in a gallery, the
    number of the frame)."""
    seed: int = 0
    """Of the choice; with `variant` it seeds the `noise` inputs."""
    time_s: float = 0.0
    """The run's clock, for `time` inputs; a change of it alone is no new request."""

    @property
    def key(self) -> tuple[str, Tile | None, int]:
        return (self.generator, self.tile, self.variant)


@dataclass(frozen=True, slots=True)
class Timings:
    """Of one result, seconds on the machine's monotonic clock (time.monotonic), comparable across processes."""

    submitted_s: float = 0.0
    started_s: float = 0.0
    made_s: float = 0.0
    """The call returned."""
    handed_s: float = 0.0
    """All outputs lie in shared memory; 0 in a result that is still arriving."""
    polled_s: float = 0.0
    input_s: float = 0.0
    """The person did what brought the request about; 0 where nobody said."""


class Arrival(Protocol):
    """How far a result has come that was given out before it was whole.

    A `part` is a contiguous view of one of its arrays; before it is here its numbers mean nothing.
    """

    @property
    def lost(self) -> bool:
        """The worker died over it: it will never be whole, and nothing of it may be shown."""

    @property
    def whole(self) -> bool:
        """Whether all arrays are here."""

    def has(self, part: npt.NDArray[np.generic]) -> bool:
        """Whether that part is here. Never waits."""

    def wait(self, part: npt.NDArray[np.generic]) -> bool:
        """Wait until that part is here; False when it never will be. Not for the frame's thread."""


@dataclass(frozen=True, slots=True)
class Output:
    """One named output: what the manifest says, and the tensors without the batch axis, read-only."""

    spec: OutputSpec
    arrays: Mapping[str, npt.NDArray[np.generic]]
    """Key "" for kinds of one tensor; "vertices", "faces", … for a mesh; "means", … for splats."""
    arrival: Arrival | None = None
    """The whole result's; None when it was whole from the start."""
    raw: OnGpu | None = None
    """Where the tensor lies that `arrays` has only a little of (vrgen/on_gpu.py): of a panorama (C, h, w) linear
    radiance, means of blocks; of a texture (C, 32, 32) of its numbers."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What one call made."""

    request: Request
    outputs: Mapping[str, Output]
    timings: Timings = Timings()


Stage = Literal["taken", "resident", "seen"]
"""What becomes of a result: the scene has its assets; all of them are on the GPU; it is in what is drawn now."""
News = tuple[Request, Stage]


class Phase(Enum):
    """What a generator is doing, for the person to see."""

    LOADING = "loading"
    READY = "ready"
    MAKING = "making"
    FAILED = "failed"
    """The last call or load failed; what it made before stays."""
    RESTARTING = "restarting"
    GONE = "gone"
    """Given up after repeated failures, until its file changes or the person chooses another."""


@dataclass(frozen=True)
class Trial:
    """A way of calling a model that was tried; timed in turn with the one `beside`, or not at all (0)."""

    way: str
    beside: str = ""
    beside_ms: float = 0.0
    ms: float = 0.0
    differences: tuple[str, ...] = ()
    """Of each output from the plain call's, beside what is allowed."""
    refused: str = ""
    """Why it was not taken; empty for one that might have been."""


@dataclass(frozen=True, slots=True)
class GeneratorStatus:
    """One generator as the overlay and the report show it."""

    name: str
    phase: Phase = Phase.LOADING
    checkpoint: str = ""
    waiting: int = 0
    """Requests that are wanted and not yet made."""
    busy_s: float = 0.0
    """How long the present call has run; 0 when idle."""
    usual_s: float = 0.0
    """Median time of the last calls: what a progress bar can promise."""
    requests: int = 0
    results: int = 0
    stale: int = 0
    restarts: int = 0
    errors: tuple[str, ...] = ()
    """One sentence each, newest last, the last 20 kept."""
    infer_ms: tuple[float, ...] = ()
    age_ms: tuple[float, ...] = ()
    way: str = "float32"
    """How its model is called."""
    trials: tuple[Trial, ...] = ()


# --- feedback ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Picked:
    """What the person has pointed at and picked. Places are metres in the world."""

    what: str
    """"rock", "picture", "ground", "sky"."""
    made_by: tuple[Request, ...] = ()
    """What was asked of those that made it, the chief one first; () where nobody did."""
    distance_m: float = math.inf
    at_world: Vec3 | None = None
    """Where the ray met it; None of the sky."""
    instance: int | None = None
    """Which of `Objects.instances` it is."""
    foot_world: Vec3 | None = None
    """Where it stands on the ground, for a thing."""
    radius_m: float = 0.0
    """How far a thing reaches about its foot."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What the person liked and disliked, as knob values; shifts what N proposes next."""

    liked: tuple[Mapping[str, InputValue], ...] = ()
    disliked: tuple[Mapping[str, InputValue], ...] = ()


@dataclass(frozen=True, slots=True)
class Pulse:
    """One haptic pulse. `strength` in (0, 1]."""

    side: Side
    seconds: float
    strength: float


@dataclass(frozen=True, slots=True)
class Resident:
    """What the renderer holds after a frame: ids of assets whose upload is complete."""

    ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a frame's instances, as counted on the GPU some frames ago. Triangles are of all views."""

    drawn: int = 0
    hidden: int = 0
    outside: int = 0
    """Out of view, too far or too small."""
    drawn_triangles: int = 0
    hidden_triangles: int = 0


@dataclass(frozen=True, slots=True)
class FrameCost:
    """Where a frame's time went, milliseconds."""

    draw_ms: float = 0.0
    upload_ms: float = 0.0
    upload_bytes: int = 0
    waited_ms: float = 0.0
    """Of `draw_ms`, how long the GPU was waited for."""
