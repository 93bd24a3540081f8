"""One generator as the frame keeps it: which file should be loaded, which is, and how it fares."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import msgspec
import numpy as np

from vrgen.config import GeneratorConfig
from vrgen.contract import Manifest, OutputSpec, TextureOutput
from vrgen.generator.landing import Raws
from vrgen.generator.manifest import sidecar
from vrgen.generator.process import Death
from vrgen.generator.protocol import IDLE, LOADING, STARTING, TUNING, Part, Tuned, Use
from vrgen.generator.shared import Message
from vrgen.messages import GeneratorStatus, Output, Phase

BLAMED_CRASHES = 3
"""After so many crashes in a row while it was loaded or called, a generator is given up."""
_KEPT = 512
_SMALL = 1 << 20


def _recent() -> "deque[float]":
    return deque(maxlen=_KEPT)


@dataclass
class Seat:
    """State of one generator. A *stamp* names a file as it was when it was chosen."""

    number: int
    name: str
    config: GeneratorConfig
    path: Path
    precise: bool = False
    """Float32 was asked for."""
    manifest: Manifest | None = None
    wanted: str | None = None
    """What the worker should have loaded; None when nothing is worth loading."""
    good: str | None = None
    """What it loaded last."""
    loaded: bool = False
    """Whether the present worker has `good`."""
    seen: str = ""
    """The file when `wanted` was chosen."""
    changing: str = ""
    """The file at the last look: taken when two looks agree, not while it is being written."""
    attempt: int = 0
    version: int = 0
    epoch: int = 0
    blamed: int = 0
    plain: bool = False
    """It is called in float32: that was asked for, or a faster way has taken the worker with it."""
    tuned: Tuned | None = None
    failing: bool = False
    gone: bool = False
    requests: int = 0
    results: int = 0
    stale: int = 0
    restarts: int = 0
    errors: "deque[str]" = field(default_factory=lambda: deque(maxlen=20))
    infer_ms: "deque[float]" = field(default_factory=_recent)
    age_ms: "deque[float]" = field(default_factory=_recent)
    usual_s: float = 0.0
    """What a call has taken lately."""

    # --- which file ---------------------------------------------------------------------------------------

    def choose(self, path: Path) -> None:
        """Want what lies at `path` now, whatever failed before."""
        self.path = path
        self.seen = self.changing = file_state(path)
        self.wanted = "\n".join((str(path), self.seen, self.config.as_kind or "", str(self.attempt)))
        self.blamed, self.failing, self.gone = 0, False, False
        self.plain, self.tuned = self.precise, None

    def look(self) -> bool:
        """Want the file again where it has changed on the disk and is no longer being written."""
        state = file_state(self.path)
        if state == self.seen or not state:
            return False
        if state != self.changing:
            self.changing = state
            return False
        self.choose(self.path)
        return True

    def use(self) -> Use | None:
        """What the letter to the worker says of this generator."""
        if self.wanted is None:
            return None
        path = self.wanted.partition("\n")[0]
        return Use(
            self.number,
            self.name,
            path,
            self.config.as_kind,
            self.config.fixed,
            self.wanted,
            self.blamed,
            self.plain,
        )

    def load_succeeded(self, stamp: str, manifest: Manifest) -> None:
        """The worker has loaded `stamp` and called it once. A new file is a new version."""
        if self.good is not None and self.good != stamp:
            self.version += 1
        self.good, self.loaded, self.manifest, self.failing = stamp, True, manifest, False

    def load_failed(self, stamp: str, error: str) -> None:
        """`stamp` can't be loaded: the one before goes on, if there is one."""
        self.fail(error)
        if stamp == self.good:
            self.good = None
        if stamp == self.wanted:
            self.wanted = self.good
            if self.good is not None:
                self.path = Path(self.good.partition("\n")[0])
                if str(self.path) != stamp.partition("\n")[0]:
                    self.seen = self.changing = file_state(self.path)

    def worker_died(self, death: Death) -> None:
        """The worker has gone; where it went over this generator, that is laid to it."""
        self.restarts += 1
        self.loaded = False
        if death.what == IDLE:
            self.errors.append(f"the worker {death.how}; it is started again")
        elif death.what == STARTING:
            self.fail(f"the worker {death.how} before it had started; run vrgen doctor")
        elif death.number == self.number and death.what == TUNING:
            self.plain, self.tuned = True, None
            self.errors.append(
                f"{self.path.name}: a faster way of calling it was tried, and the worker hung or died over it; "
                "it is called in float32 from now on"
            )
        elif death.number == self.number:
            during = "loading" if death.what == LOADING else "calling"
            self._crashed(
                f"{self.path.name}: the worker {death.how} while {during} it; run vrgen check on the file"
            )

    def _crashed(self, error: str) -> None:
        if self.wanted is not None and self.good is not None and self.wanted != self.good:
            self.load_failed(self.wanted, error)
            return
        self.fail(error)
        self.blamed += 1
        if self.blamed >= BLAMED_CRASHES:
            self.gone, self.wanted = True, None
            self.errors.append(
                f"{self.name}: given up after {self.blamed} crashes in a row; "
                f"replace {self.path.name} or choose another checkpoint"
            )

    def fail(self, error: str) -> None:
        """Tell the person; what was made before stays."""
        self.errors.append(error)
        self.failing = True

    # --- what it made -------------------------------------------------------------------------------------

    def took(self, infer_ms: float) -> None:
        """A call was answered."""
        self.infer_ms.append(infer_ms)
        recent = sorted(list(self.infer_ms)[-32:])
        self.usual_s = recent[len(recent) // 2] / 1000

    def outputs(self, message: Message, parts: list[Part], raws: Raws) -> Mapping[str, Output]:
        """Views into the message's data, read-only as it is. Copies of what is small where there are `raws`: a
        view would hold up the worker's memory on the card as well."""
        assert self.manifest is not None
        arrays: dict[str, dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]] = {}
        for part in parts:
            dtype = np.dtype(part.dtype)
            size = prod(part.shape) * dtype.itemsize
            view = message.data[part.offset : part.offset + size].view(dtype).reshape(part.shape)
            copied = raws and size <= _SMALL
            arrays.setdefault(part.output, {})[part.key] = view.copy() if copied else view
        arrival = None if message.arrival.whole else message.arrival
        specs = self.manifest.outputs
        return {
            name: Output(self._spec(specs[name]), found, arrival, raws.get((name, "")))
            for name, found in arrays.items()
        }

    def _spec(self, spec: OutputSpec) -> OutputSpec:
        if isinstance(spec, TextureOutput) and self.config.surface is not None:
            return msgspec.structs.replace(spec, surface=self.config.surface)
        return spec

    def status(self, *, restarted: bool, calling: bool, busy_s: float, waiting: int) -> GeneratorStatus:
        """`restarted`: the worker has died since its last result. `calling`: it is in a call of this generator."""
        if self.gone:
            phase = Phase.GONE
        elif self.wanted is None:
            phase = Phase.FAILED
        elif not self.loaded:
            phase = Phase.RESTARTING if restarted or self.good else Phase.LOADING
        elif calling:
            phase = Phase.MAKING
        elif self.failing:
            phase = Phase.FAILED
        else:
            phase = Phase.READY if self.wanted == self.good else Phase.LOADING
        return GeneratorStatus(
            name=self.name,
            phase=phase,
            checkpoint=self.path.name,
            waiting=waiting,
            busy_s=busy_s,
            usual_s=self.usual_s,
            requests=self.requests,
            results=self.results,
            stale=self.stale,
            restarts=self.restarts,
            errors=tuple(self.errors),
            infer_ms=tuple(self.infer_ms),
            age_ms=tuple(self.age_ms),
            way=self.tuned.way if self.tuned else "float32",
            trials=self.tuned.trials if self.tuned else (),
        )


def file_state(path: Path) -> str:
    """A word that changes when the checkpoint or its sidecar does; empty while the checkpoint is not there."""
    try:
        found = path.stat()
    except OSError:
        return ""
    state = f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
    try:
        beside = sidecar(path).stat()
    except OSError:
        return state
    return f"{state}+{beside.st_mtime_ns}-{beside.st_size}"
