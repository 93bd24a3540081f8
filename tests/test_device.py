"""What is asked to be computed on CUDA is refused in a sentence where there is none."""

import subprocess
import sys

import pytest
import torch

from vrgen import device
from vrgen.cli import main
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
