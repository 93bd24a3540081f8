"""What is asked to be computed on CUDA is refused in a sentence where there is none."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest
import torch

from vrgen import device
from vrgen.cli import main
from vrgen.device import Card, Chosen, chosen
from vrgen.display import cuda_device
from vrgen.errors import DeviceError

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")


@without_cuda
@pytest.mark.parametrize("more", ["--frames 2 --display headless", "--frames 2 --settle --display headless", ""])
def test_a_run_that_insists_on_cuda_fails_at_once(more: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--device", "cuda", *more.split()]) == 1
    said = capsys.readouterr().err
    assert said.startswith("vrgen: --device cuda: ") and "leave --device out" in said and said.count("\n") == 1


@without_cuda
def test_what_is_meant() -> None:
    assert device.resolved("auto") == device.resolved("cpu") == "cpu"
    with pytest.raises(DeviceError, match="leave --device out"):
        device.resolved("cuda")


def test_a_build_for_cuda_needs_a_driver_and_one_for_rocm_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "driver", lambda: None)
    monkeypatch.setattr(device, "_built_for", lambda: "cuda")
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        device.require("cuda")
    monkeypatch.setattr(device, "_built_for", lambda: "hip")
    device.require("cuda")


def test_it_is_known_without_torch() -> None:
    program = "import sys; from vrgen import device; print(device._built_for()); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    built = "hip" if torch.version.hip else "cuda" if torch.version.cuda else ""
    assert done.stdout.strip() == built


ONE, TWO = (
    Card("RTX 1", "00000000-0000-0000-0000-000000000001"),
    Card("RTX 2", "00000000-0000-0000-0000-000000000002"),
)
ELSEWHERE = "6d657361-3232-2e33-2e36-000000000000"


@pytest.mark.parametrize(
    ("asked", "found", "drawn_on", "device", "why"),
    [
        ("auto", [], [ELSEWHERE], "cpu", ""),
        ("cpu", [ONE], [ONE.uuid], "cpu", ""),
        ("auto", [ONE, TWO], [TWO.uuid], "cuda:1", ""),
        ("cuda", [ONE, TWO], [TWO.uuid], "cuda:1", ""),
        ("auto", [ONE, TWO], [ONE.uuid, TWO.uuid], "cuda:0", ""),
        ("auto", [ONE], [ELSEWHERE], "cuda:0", "OpenGL draws on no CUDA device; the generators run on RTX 1"),
        ("auto", [ONE, TWO], [], "cuda:0", "does not tell which of 2 cards"),
        ("auto", [ONE, TWO], None, "cuda:0", "does not tell which of 2 cards"),
        ("auto", [ONE], [], "cuda:0", ""),
        ("auto", [Card("old", "")], [""], "cuda:0", "OpenGL draws on no CUDA device"),
    ],
)
def test_generators_run_on_the_card_that_draws(
    asked: str, found: list[Card], drawn_on: list[str] | None, device: str, why: str
) -> None:
    got = chosen(asked, found, drawn_on)
    assert got.device == device and (why in got.why if why else got == Chosen(device))


class Driver:
    """CUDA's driver with two cards, of which OpenGL draws on some."""

    def __init__(self, drawn_on: list[int]) -> None:
        self.drawn_on = drawn_on

    def cuGLGetDevices_v2(self, count: Any, found: Any, most: int, which: int) -> int:
        count._obj.value = len(self.drawn_on)
        found[: len(self.drawn_on)] = self.drawn_on
        return 0 if self.drawn_on else 999

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:
        device._obj.value = ordinal
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: int) -> int:
        name.value = f"RTX {device + 1}".encode()
        return 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system itself is the reason")
def test_doctor_says_why_results_cross_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    told = cuda_device.examine(Driver([1]), "RTX 2, OpenGL 4.6")
    assert told.state == "ok" and told.found.endswith("results cross the host: cuda-python is not installed")
    assert told.remedy == "pip install 'vrgen[cuda]'"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system itself is the reason")
@pytest.mark.skipif(importlib.util.find_spec("cuda") is None, reason="no cuda-python here")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a driver here")
def test_doctor_says_that_no_driver_answers_cuda_python() -> None:
    told = cuda_device.examine(Driver([1]), "RTX 2, OpenGL 4.6")
    assert told.found.endswith("results cross the host: no NVIDIA driver answers") and told.remedy == "install it"


def test_doctor_knows_the_card_that_draws() -> None:
    both = cuda_device.examine(Driver([1]), "RTX 2, OpenGL 4.6")
    assert both.state == "ok" and "both on RTX 2" in both.found
    apart = cuda_device.examine(Driver([]), "llvmpipe")
    assert apart.state == "note" and "RTX 1" in apart.found and "llvmpipe" in apart.found and apart.remedy


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_torch_tells_cards_as_the_driver_does() -> None:
    import ctypes
    import uuid

    driver, told = device.driver(), (ctypes.c_ubyte * 16)()
    for index, card in enumerate(device.cards()):
        handle = ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(handle), index)
        driver.cuDeviceGetUuid(told, handle)
        assert card.uuid == str(uuid.UUID(bytes=bytes(told)))
