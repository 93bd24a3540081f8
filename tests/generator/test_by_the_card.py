"""Results by the card's memory, beside the same across the host; what fails is told, and they cross the host.

Here a stand-in takes the driver's place (tests/stand_in), so that every call is made, with the arguments and
answers that cuda-python has; with a CUDA device the same runs on it.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.generator.device_memory import little_of, staying
from vrgen.on_gpu import places
from vrgen.scene.colours import linear
from vrgen.scene.light import light_of

HERE = Path(__file__).parent
DRIVER = HERE.parent / "stand_in" / "driver.c"
GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    pytest.mark.skipif(importlib.util.find_spec("cuda") is None, reason="no cuda-python here"),
]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in as libcuda.so.1."""
    if sys.platform != "linux" or importlib.util.find_spec("cuda") is None:
        pytest.skip("cuda-python is not installed, or this is not Linux")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here for the stand-in of CUDA's driver")
    folder = tmp_path_factory.mktemp("driver")
    library = folder / "libcuda.so.1"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o", library, DRIVER, "-ldl"], check=True
    )
    return folder


@pytest.fixture(params=[pytest.param("stand-in", marks=pytest.mark.slow), pytest.param("cuda", marks=GPU)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a scenario of card_program.py in a process of its own, which loads one driver or the other."""
    more = {"VRGEN_TEST_FOLDER": str(tmp_path), "VRGEN_TEST_DEVICE": "cuda"}
    if request.param == "stand-in":
        folder = request.getfixturevalue("stand_in")
        more |= {"VRGEN_TEST_DEVICE": "cpu", "STAND_IN": str(tmp_path), "LD_LIBRARY_PATH": str(folder)}

    def scenario(name: str, **environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, HERE / "card_program.py", name],
            env={**os.environ, **more, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "left_out" in told:
            pytest.skip(f"here {told['left_out']}")
        assert told.pop("gl_errors") == [] and told.pop("gl_left") == []
        return told

    return scenario


@pytest.fixture
def only_stand_in(run: Run, request: pytest.FixtureRequest) -> Run:
    if "cuda" in request.node.name:
        pytest.skip("a real driver can't be made to fail")
    return run


def test_a_result_by_the_card_is_the_one_across_the_host_to_the_bit(run: Run) -> None:
    told = run("same")
    assert told["why"] == ""
    assert told["raw"] == 2 * [["sky", True], ["albedo", True], ["rough", False]]
    assert told["equal"] == 6 * [True]
    assert told["little"] == 2 * [["sky", [3, 128, 256]], ["albedo", [3, 32, 32]]]


def test_world_after_world_takes_no_more_of_the_card(run: Run) -> None:
    told = run("many")
    assert told["counts"][-1] == told["counts"][2]
    assert min(told["free"][2:]) >= told["free"][2] - (16 << 20)
    assert not any(told["left"])


def test_the_worker_may_die_at_any_moment(run: Run) -> None:
    told = run("kills")
    assert np.allclose(told["values"], np.arange(1, 5) / 8, atol=1e-3)
    assert not any(told["left"])


def test_the_program_shows_the_same_and_says_which_way_it_came(run: Run) -> None:
    """But for smaller levels, which OpenGL averages otherwise than vrgen/levels.py."""
    told = run("visit")
    by_card, by_host = told["transfer"]
    assert by_card["path"] == "cuda" and by_card["why"] == "" and by_card["card_bytes"] >= 4 << 20
    assert by_host["path"] != "cuda" and by_host["why"] and by_host["card_bytes"] == 0
    assert told["spread"] > 20, "a picture of one colour proves nothing"
    assert told["mean"] < 0.5


def test_a_result_that_waits_dies_with_the_worker_and_is_made_again(only_stand_in: Run) -> None:
    told = only_stand_in("killed")
    assert told["held"], "it was copied or given out before its event was passed"
    assert told["equal"]
    assert all(now <= then for now, then in zip(told["after"], told["before"]))
    assert not any(told["left"])


@pytest.mark.parametrize(
    ("fails", "why"),
    [
        ("cuInit", "cuInit answered CUDA_ERROR_NO_DEVICE"),
        ("sharing", "the driver shares no memory between processes"),
        ("cuMemAlloc", "cuMemAlloc answered CUDA_ERROR_OUT_OF_MEMORY"),
        ("cuIpcOpenMemHandle", "cuIpcOpenMemHandle answered CUDA_ERROR_INVALID_HANDLE"),
        ("cuGLGetDevices", "OpenGL draws on no CUDA device"),
        ("cuGraphicsGLRegisterBuffer", "cuGraphicsGLRegisterBuffer answered CUDA_ERROR_INVALID_VALUE"),
        ("one card", "the generators run on another card than the one that OpenGL draws on"),
        ("garbles", "the first copy within the card did not read back equal"),
    ],
)
def test_what_fails_at_first_is_told_and_results_cross_the_host(only_stand_in: Run, fails: str, why: str) -> None:
    told = only_stand_in("refused", STAND_IN_FAILS=fails)
    assert told["why"] == why
    assert told["stage"] == 0 and not told["raw"]
    assert not any(told["left"])


def test_what_fails_later_is_told_and_what_was_under_way_is_made_again(only_stand_in: Run) -> None:
    told = only_stand_in("breaks")
    assert told["why"] == "cuMemcpyDtoDAsync answered CUDA_ERROR_ILLEGAL_ADDRESS"
    assert told["off"] and not told["raw"]
    assert told["value"] == pytest.approx(0.75, abs=1e-3)
    assert told["kept"] == pytest.approx(0.5, abs=1e-3), "what had landed before is still there"
    assert not any(told["left"])


# --- without any driver -------------------------------------------------------------------------------------


def why_not(*lines: str) -> str:
    """What `Cuda` says in a Python of its own, after some lines of it."""
    program = "\n".join(
        [
            *lines,
            "from vrgen.cuda import Cuda, CudaError",
            "try:",
            "    Cuda()",
            "except CudaError as error:",
            "    print(error)",
        ]
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_without_cuda_python_it_says_what_to_install() -> None:
    hidden = "import sys; sys.platform = 'linux'; sys.modules['cuda.bindings'] = None"
    assert why_not(hidden) == "cuda-python is not installed; pip install 'vrgen[cuda]'"


@pytest.mark.skipif(importlib.util.find_spec("cuda") is None, reason="no cuda-python here")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a driver here")
def test_without_a_driver_it_says_so() -> None:
    """As cuda-python raises it where there is no libcuda."""
    assert why_not() == "no NVIDIA driver answers; install it"


def test_elsewhere_than_on_linux_it_says_so() -> None:
    assert why_not("import sys; sys.platform = 'win32'") == "processes share a card's memory on Linux only"


# --- what stays, and the little that crosses ------------------------------------------------------------------


def manifest(**outputs: c.OutputSpec) -> Manifest:
    return Manifest(vrgen=1, name="test", inputs={}, outputs=outputs)


def test_what_stays_on_the_card() -> None:
    sky = c.PanoramaOutput(shape=(1, 3, 256, 512))
    rock = c.TextureOutput(shape=(3, 512, 512), role="albedo", metres=4.0)
    small = c.TextureOutput(shape=(3, 128, 128), role="normal", metres=4.0)
    land = c.HeightfieldOutput(shape=(1, 1025, 1025), metres=64.0)
    assert staying(manifest(sky=sky, rock=rock, small=small, land=land)) == {"sky", "rock"}
    depth = c.PanoramaDepthOutput(shape=(1, 256, 512))
    assert staying(manifest(sky=sky, depth=depth)) == set(), "a relief is made of its colours, on the host"
    fed_back = Manifest(
        vrgen=1,
        name="test",
        inputs={"before": c.StateInput(shape=(1, 3, 256, 512), source="sky")},
        outputs={"sky": sky},
    )
    assert staying(fed_back) == set()


@pytest.mark.parametrize("between", [(-1.0, 1.0), (0.0, 1.0), "linear"])
def test_light_is_the_same_of_the_little_that_crosses(between: c.Range) -> None:
    """A sky with a sun: within a degree and two percent of the light of the whole."""
    theta, phi = np.meshgrid(
        (np.arange(256) + 0.5) / 256 * np.pi, (np.arange(512) + 0.5) / 512 * 2 * np.pi, indexing="ij"
    )
    height = np.cos(theta)
    blue = np.stack([0.2 + 0.3 * (1 - height), 0.4 + 0.2 * (1 - height), 0.7 + 0.1 * (1 - height)])
    sun = np.exp(-((theta - 0.9) ** 2 + ((phi - 2.0) * np.sin(theta)) ** 2) / 0.002)
    planes = np.clip(np.where(height > 0, blue, 0.2) + (20.0 if between == "linear" else 0.6) * sun, 0, None)
    if between != "linear":
        low, high = between
        planes = np.clip(planes, 0, 1) * (high - low) + low
    planes = planes.astype(np.float32)
    whole = light_of(linear(planes, between))
    spec = c.PanoramaOutput(shape=planes.shape, range=between)
    little = little_of(spec, torch.from_numpy(planes)).numpy()
    assert little.shape == (3, 128, 256)
    found = light_of(linear(little, "linear"))
    assert np.degrees(np.arccos(np.clip(found.sun_direction @ whole.sun_direction, -1, 1))) < 1.0
    assert found.exposure == pytest.approx(whole.exposure, rel=0.02)
    assert np.allclose(found.ambient_sh, whole.ambient_sh, atol=0.02 * np.abs(whole.ambient_sh).max())
    assert np.allclose(found.sun_irradiance, whole.sun_irradiance, rtol=0.05)


def test_of_a_texture_the_places_cross_that_its_brightness_is_told_by() -> None:
    planes = torch.arange(2 * 100 * 70, dtype=torch.float32).reshape(2, 100, 70)
    spec = c.TextureOutput(shape=(2, 100, 70), role="normal", metres=4.0)
    little = little_of(spec, planes)
    assert little.shape == (1, 32, 32)
    assert little[0, 3, 5] == planes[0, places(100, 32)[3], places(70, 32)[5]]
