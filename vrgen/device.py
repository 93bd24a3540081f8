"""Where is computed: what `--device auto|cpu|cuda` means, and what can be known of it without loading torch."""

import ctypes
import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrgen.errors import DeviceError

BUILD = "install the CUDA build by the selector on https://pytorch.org/get-started/locally/"


def driver() -> Any:
    """CUDA's driver, initialised; None where there is none, or it has no device."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return None
    return cuda if count.value else None


def require(asked: str) -> None:
    """Refuse at once what can't be had, before anything is opened for it. Loads no torch.

    Raises:
        DeviceError: cuda is asked for, and torch was not built for it or no driver answers.
    """
    if asked != "cuda":
        return
    built = _built_for()
    if not built:
        raise DeviceError(f"--device cuda: torch here is a CPU build; {BUILD}, or leave --device out")
    if built == "cuda" and driver() is None:
        raise DeviceError(
            "--device cuda: no NVIDIA driver with a device answers; install it, or leave --device out "
            "(vrgen doctor tells more)"
        )


def resolved(asked: str) -> str:
    """The torch device that is meant: "cpu" or "cuda". Loads torch.

    Raises:
        DeviceError: cuda was asked for and there is none.
    """
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        require(asked)
        raise DeviceError("--device cuda: torch finds no CUDA device; leave --device out, or run vrgen doctor")
    return asked


@dataclass(frozen=True)
class Card:
    """A CUDA device. `uuid` as CUDA, Vulkan and OpenGL tell it."""

    name: str
    uuid: str


@dataclass(frozen=True)
class Chosen:
    """A torch device, and why it is not the one that OpenGL draws on: a sentence, or ""."""

    device: str
    why: str = ""


def cards() -> tuple[Card, ...]:
    """The CUDA devices in torch's order. Loads torch."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    told = [torch.cuda.get_device_properties(index) for index in range(count)]
    return tuple(Card(one.name, str(getattr(one, "uuid", ""))) for one in told)


def chosen(asked: str, found: Sequence[Card], drawn_on: Sequence[str] | None) -> Chosen:
    """Where generators run: on CUDA on the card that OpenGL draws on, where that is one of `found`.

    `drawn_on`: OpenGL's (`vrgen.gl.card.uuids`); None where nobody has told.
    """
    if asked == "cpu" or not found:
        return Chosen("cpu")
    for index, card in enumerate(found):
        if card.uuid and card.uuid in (drawn_on or ()):
            return Chosen(f"cuda:{index}")
    first = found[0].name
    if drawn_on:
        return Chosen("cuda:0", f"OpenGL draws on no CUDA device; the generators run on {first}")
    if len(found) == 1:
        return Chosen("cuda:0")
    return Chosen(
        "cuda:0",
        f"OpenGL does not tell which of {len(found)} cards it draws on; the generators run on the first, {first} "
        "(let CUDA_VISIBLE_DEVICES name another)",
    )


def _built_for() -> str:
    """What the installed torch was built for besides the CPU: "cuda", "hip", "" for nothing, "?" when not told."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return ""
    try:
        text = (Path(found.submodule_search_locations[0]) / "version.py").read_text(encoding="utf-8")
    except OSError:
        return "?"
    said = dict(re.findall(r"^(cuda|hip)\b[^=]*= *(\S+)", text, re.MULTILINE))
    return next((name for name in ("hip", "cuda") if said.get(name, "None") != "None"), "" if said else "?")
