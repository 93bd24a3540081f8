"""What frame and worker tell each other, as it lies in shared memory.

Frame to worker: one `Letter`, the whole of what is wanted. Worker to frame: `Made`, `Ready`, `Failed`, `Noted`,
`Tuned`, `Lent`, each in a slot of the arena. And one word that says at any time what the worker is doing, for the
watchdog; one with the frames that were missed, and one that says how far the worker has stepped back for them.
"""

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from vrgen.contract import Manifest
from vrgen.generator.inference import Wanted
from vrgen.generator.mailbox import Mailbox
from vrgen.generator.shared import RESERVE, Arena, Segment
from vrgen.messages import InputValue, Request, Trial

Fixed = dict[str, float | str | list[float]]


class Use(msgspec.Struct, frozen=True, array_like=True):
    """One generator that should be loaded. `stamp` names the file as it is now: another stamp, another load.

    `number`: the generator's place in the world, for the state word. `blamed`: crashes laid to it. `plain`: it is
    called in float32, nothing else is tried.
    """

    number: int
    name: str
    path: str
    as_kind: str | None
    fixed: Fixed
    stamp: str
    blamed: int = 0
    plain: bool = False


class PackedArray(msgspec.Struct, frozen=True, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class PackedRequest(msgspec.Struct, frozen=True, array_like=True):
    """`index` is the place in the list that was submitted, `serial` tells one asking from another of the same;
    `inputs` is a place in the letter's.
    """

    index: int
    serial: int
    generator: str
    epoch: int
    revision: int
    tile: tuple[int, int] | None
    variant: int
    seed: int
    time_s: float
    inputs: int


class Letter(msgspec.Struct, frozen=True, array_like=True):
    uses: list[Use]
    requests: list[PackedRequest]
    inputs: list[dict[str, int]]
    """Places of arrays, by the input's name."""
    arrays: list[PackedArray]
    drawn_on: list[str] | None = None
    """Which cards OpenGL draws on (`vrgen.gl.card.uuids`); None until that is known."""
    on_card: int = 0
    """Whether results may stay on the card (`device_memory.py`): one of the stages below."""


OFF, CHECKED, ON = range(3)
"""All results cross the host; a pattern is to be sent by the card; large results go by it."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One array of a result and where it lies in the slot's data.

    `raw_shape`, `place`: of the whole, float32, where that lies on the card, from the beginning of the loan; then
    the array is the little of it that the scene reads (`device_memory.py`).
    """

    output: str
    key: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    raw_shape: tuple[int, ...] = ()
    place: int = 0


class Made(msgspec.Struct, frozen=True, array_like=True, tag="made"):
    """A call returned; its numbers may still be on their way into the slot."""

    version: int
    index: int
    started_s: float
    made_s: float
    parts: list[Part]
    loan: int = -1
    """Which of the worker's memories on the card (`Lent`) the rest of it is in."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    generator: str
    stamp: str
    manifest: Manifest
    device: str
    load_s: float
    why_there: str = ""
    """Why it is not the card that OpenGL draws on, as a sentence."""


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """A load failed (`stamp`), a call (`version`, `index`), or something about calls that come all the same."""

    generator: str
    error: str
    stamp: str | None = None
    version: int = 0
    index: int = 0


class Noted(msgspec.Struct, frozen=True, array_like=True, tag="noted"):
    """What the person should know of how a prompt was read, a sentence each."""

    prompt: str
    remarks: tuple[str, ...]


class Tuned(msgspec.Struct, frozen=True, array_like=True, tag="tuned"):
    """How a generator's model is called from now on, and what was tried."""

    generator: str
    way: str
    trials: tuple[Trial, ...]


class Lent(msgspec.Struct, frozen=True, array_like=True, tag="lent"):
    """Memory on the card that results will be in, or why there is none."""

    number: int = -1
    size: int = 0
    card: str = ""
    """Its uuid."""
    memory: bytes = b""
    event: bytes = b""
    """By which other processes open the memory, and what is passed when it holds the result."""
    pattern: int = 0
    """So many bytes of `vrgen.on_gpu.pattern` are in it."""
    why: str = ""


Report = Made | Ready | Failed | Noted | Tuned | Lent

encode = msgspec.msgpack.Encoder().encode
decode_letter = msgspec.msgpack.Decoder(Letter).decode
decode_report = msgspec.msgpack.Decoder(Made | Ready | Failed | Noted | Tuned | Lent).decode


def pack(
    uses: Sequence[Use],
    requests: Sequence[tuple[int, int, Request]],
    drawn_on: Sequence[str] | None = None,
    on_card: int = OFF,
) -> bytes:
    """A letter; inputs and arrays that several requests share (a wish's, for every tile) are packed once."""
    sets: dict[int, int] = {}
    places: dict[int, int] = {}
    inputs: list[dict[str, int]] = []
    arrays: list[PackedArray] = []
    packed = []
    for index, serial, request in requests:
        if id(request.inputs) not in sets:
            sets[id(request.inputs)] = len(inputs)
            for value in request.inputs.values():
                if id(value) not in places:
                    places[id(value)] = len(arrays)
                    arrays.append(PackedArray(value.dtype.str, value.shape, value.tobytes()))
            inputs.append({name: places[id(value)] for name, value in request.inputs.items()})
        packed.append(
            PackedRequest(
                index,
                serial,
                request.generator,
                request.epoch,
                request.revision,
                request.tile,
                request.variant,
                request.seed,
                request.time_s,
                sets[id(request.inputs)],
            )
        )
    cards = None if drawn_on is None else list(drawn_on)
    return encode(Letter(list(uses), packed, inputs, arrays, cards, on_card))


def unpacked(request: PackedRequest, letter: Letter) -> Wanted:
    """A request with its input arrays, read-only."""
    inputs: dict[str, InputValue] = {}
    for name, place in letter.inputs[request.inputs].items():
        array = letter.arrays[place]
        inputs[name] = np.frombuffer(array.data, array.dtype).reshape(array.shape)
    return Wanted(
        request.generator,
        request.epoch,
        request.revision,
        request.tile,
        request.variant,
        request.seed,
        request.time_s,
        inputs,
    )


# --- what the worker is doing -----------------------------------------------------------------------------

STARTING, IDLE, LOADING, CALLING, TUNING = range(5)
NOBODY = 0xFFFF


class Board:
    """The layout of the shared memory: words with one writer each, the mailbox, the arena."""

    def __init__(self, segment: Segment, arena_mb: int) -> None:
        self._word = segment.words(0, 8)
        self.mailbox = Mailbox(segment, 64)
        self.arena = Arena(segment, 64 + Mailbox.BYTES, arena_mb)

    @staticmethod
    def size() -> int:
        return 64 + Mailbox.BYTES + Arena.HEAD_BYTES + Arena.TABLE_BYTES + RESERVE

    def set_state(self, what: int, generator: int = NOBODY) -> None:
        """Say what the worker does from now on; one store, so that no reader sees half of it."""
        self._word[0] = (int(time.monotonic() * 1000) << 20) | (generator << 4) | what

    def set_missed(self, frames: int) -> None:
        """The frame's word: how many frames a generator may have made it miss, since it began."""
        self._word[1] = frames

    @property
    def missed(self) -> int:
        return self._word[1]

    def set_step(self, step: int) -> None:
        """The worker's word: how many steps it has gone back for the frame's sake (`burst.py`)."""
        self._word[2] = step

    @property
    def step(self) -> int:
        return self._word[2]

    @property
    def state(self) -> tuple[int, int, float]:
        """What the worker does, for which generator (its number), since when (time.monotonic)."""
        word = self._word[0]
        return word & 0xF, (word >> 4) & 0xFFFF, (word >> 20) / 1000
