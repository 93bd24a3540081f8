"""A third-party API layer that is broken: the desktop goes on, and says what keeps the headset away."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from visit import Visit
from xr_testbed.headset import RemoteState
from xr_testbed.testbed import Testbed

pytestmark = [pytest.mark.xr, pytest.mark.slow]

NAME = "XR_APILAYER_TEST_broken"


def manifest(folder: Path, library: Path, **more: str) -> Path:
    """A layer's manifest, as an installer leaves it behind."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "broken.json"
    said = {
        "file_format_version": "1.0.0",
        "api_layer": {
            "name": NAME,
            "library_path": str(library),
            "api_version": "1.0",
            "implementation_version": "1",
            "description": "broken",
            **more,
        },
    }
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def library_that_aborts(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here, to make a layer that crashes")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "libbroken.so"
    source = "#include <stdlib.h>\n__attribute__((constructor)) static void load(void) { abort(); }\n"
    subprocess.run([compiler, "-x", "c", "-shared", "-fPIC", "-o", path, "-"], input=source.encode(), check=True)
    return path


def goes_on(testbed: Testbed, world: Path, env: dict[str, str]) -> str:
    """That a run goes on in its window; returns what it says keeps the headset away."""
    testbed.headset.send(RemoteState())
    visit = Visit(testbed, world, "--display", "auto", env=env)
    try:
        told = visit.when(lambda now: any("no headset: " in note for note in now["notes"]))
        assert told["kind"] == "window"
        visit.frames(10)
        display = visit.leave()["display"]
        assert (display["kind"], display["switches"]) == ("window", [])
    finally:
        visit.program.end()
    return str(next(note for note in told["notes"] if "no headset: " in note))


def test_a_layer_that_is_asked_for_and_is_not_there(small_testbed: Testbed, tiny_world: Path) -> None:
    note = goes_on(small_testbed, tiny_world, {"XR_ENABLE_API_LAYERS": NAME})
    assert "XR_ENABLE_API_LAYERS" in note


def test_a_layer_that_crashes_takes_nothing_with_it(
    small_testbed: Testbed, tiny_world: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    library = library_that_aborts(tmp_path)
    manifest(data / "openxr/1/api_layers/implicit.d", library, disable_environment="DISABLE_BROKEN_LAYER")
    note = goes_on(small_testbed, tiny_world, {"XDG_DATA_HOME": str(data)})
    assert "layer" in note and "vrgen doctor" in note


def test_a_layer_whose_library_is_gone_keeps_nothing_away(
    small_testbed: Testbed, tiny_world: Path, tmp_path: Path
) -> None:
    """The loader leaves it out."""
    data = tmp_path / "data"
    manifest(
        data / "openxr/1/api_layers/implicit.d", tmp_path / "gone.so", disable_environment="DISABLE_BROKEN_LAYER"
    )
    small_testbed.headset.send(RemoteState())
    visit = Visit(small_testbed, tiny_world, "--display", "auto", env={"XDG_DATA_HOME": str(data)})
    try:
        visit.when(lambda now: now["kind"] == "openxr")
        visit.leave()
    finally:
        visit.program.end()
