"""`vrgen doctor` beside a real runtime: one that runs, that has stopped, that layers break."""

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from xr_testbed.headset import RemoteState
from xr_testbed.testbed import Testbed

from vrgen.findings import Finding

pytestmark = pytest.mark.xr

CRASHING = "#include <stdlib.h>\nint xrNegotiateLoaderApiLayerInterface(void) { abort(); }\n"


def examined(testbed: Testbed, env: Mapping[str, str] | None = None) -> dict[str, list[Finding]]:
    """What is found, by name, in order."""
    code = (
        "import json; from dataclasses import asdict; from vrgen.display.openxr import diagnosis;"
        "print(json.dumps([asdict(each) for each in diagnosis.examine()]))"
    )
    done = testbed.run(testbed.python("-c", code), env)
    assert done.returncode == 0, done.stdout
    found: dict[str, list[Finding]] = {}
    for entry in json.loads(done.stdout.splitlines()[-1]):
        found.setdefault(entry["name"], []).append(Finding(**entry))
    return found


@pytest.fixture
def whole(testbed: Testbed) -> Iterator[Testbed]:
    """The testbed with both controllers on."""
    testbed.headset.send(RemoteState())
    yield testbed
    testbed.headset.send(RemoteState())


def test_a_runtime_that_runs(whole: Testbed) -> None:
    done = whole.run(whole.python("-m", "vrgen", "doctor", "--json"))
    found = {entry["name"]: Finding(**entry) for entry in json.loads(done.stdout)["findings"]}
    names = ("openxr", "api layers", "headset", "controllers", "window system", "window")
    assert {name: found[name].state for name in names} == dict.fromkeys(names, "ok")
    assert "Monado" in found["openxr"].found and "XR_RUNTIME_JSON" in found["openxr"].found
    assert "OpenGL" in found["openxr"].found and found["api layers"].found == "none"
    assert all(each in found["headset"].found for each in ("Remote HMD", "960 × 1080", "90 Hz", "STAGE", "sRGB"))
    assert found["controllers"].found == "left Valve Index, right Valve Index"


def test_controllers_that_are_off(whole: Testbed) -> None:
    whole.headset.change(lambda state: replace(state, left=replace(state.left, active=False)))
    (only,) = examined(whole)["controllers"]
    assert only.state == "note" and "only the right" in only.found
    whole.headset.change(lambda state: replace(state, right=replace(state.right, active=False)))
    (none,) = examined(whole)["controllers"]
    assert none.state == "note" and "neither" in none.found


def test_without_a_window_system_the_headset_is_still_found(whole: Testbed) -> None:
    (headset,) = examined(whole, {"DISPLAY": ""})["headset"]
    assert headset.state == "ok" and "Remote HMD" in headset.found


def test_a_runtime_that_has_stopped_and_one_that_is_not_there(testbed: Testbed) -> None:
    testbed.stop_runtime()
    try:
        (headset,) = examined(testbed)["headset"]
        assert headset.state == "note" and "Monado does not run" in headset.found
        assert "monado.service" in headset.remedy
    finally:
        testbed.start_runtime()
    (openxr,) = examined(testbed, {"XR_RUNTIME_JSON": "/nowhere/runtime.json"})["openxr"]
    assert openxr.state == "note" and "/nowhere/runtime.json" in openxr.found


def test_a_headset_without_controllers_and_hands(testbed: Testbed) -> None:
    with Testbed(device="simulated") as simulated:
        found = examined(simulated)
    assert "Simulated HMD" in found["headset"][0].found and "20 Hz" in found["headset"][0].found
    assert "lacks bare hands" in found["headset"][0].found and found["controllers"][0].state == "note"


# --- third-party layers -------------------------------------------------------------------------------------

Install = Callable[[str, Path], dict[str, str]]


@pytest.fixture
def install(testbed: Testbed) -> Iterator[Install]:
    """Installs an implicit layer of that name and library; returns the environment in which it is found."""
    data = testbed.folder / "data"
    folder = data / "openxr/1/api_layers/implicit.d"
    folder.mkdir(parents=True)

    def write(name: str, library: Path) -> dict[str, str]:
        layer = {
            "name": f"XR_APILAYER_{name}",
            "library_path": str(library),
            "api_version": "1.0",
            "implementation_version": "1",
            "disable_environment": f"DISABLE_{name}",
        }
        manifest = {"file_format_version": "1.0.0", "api_layer": layer}
        (folder / f"{name}.json").write_text(json.dumps(manifest), encoding="utf-8")
        return {"XDG_DATA_HOME": str(data)}

    yield write
    shutil.rmtree(data)


def test_a_layer_whose_library_is_missing_does_no_harm(whole: Testbed, install: Install) -> None:
    found = examined(whole, install("missing", whole.folder / "gone.so"))
    assert found["headset"][0].state == "ok"
    (layer,) = found["api layer"]
    assert layer.state == "note" and "XR_APILAYER_missing" in layer.found and "missing.json" in layer.remedy


def test_a_layer_that_cant_be_loaded_is_found_among_others(whole: Testbed, install: Install) -> None:
    library = whole.folder / "text.so"
    library.write_text("no library", encoding="utf-8")
    install("missing", whole.folder / "gone.so")
    env = install("broken", library)
    found = examined(whole, env)
    accused, missing = found["api layer"]
    assert "XR_APILAYER_broken" in accused.found and "ERROR_FILE_ACCESS_ERROR" in accused.found
    assert "export DISABLE_broken=1" in accused.remedy and "XR_APILAYER_missing" in missing.found
    assert found["headset"][0].state == "ok" and found["controllers"][0].state == "ok"
    switched_off = examined(whole, env | {"DISABLE_broken": "1"})
    assert len(switched_off["api layer"]) == 1 and "DISABLE_broken is set" in switched_off["api layers"][0].found


def test_a_layer_that_crashes_is_found_among_others(whole: Testbed, install: Install) -> None:
    compiler = shutil.which(str(sysconfig.get_config_var("CC") or "cc").split()[0]) or shutil.which("cc")
    if compiler is None:
        pytest.skip("making a layer that crashes takes a C compiler")
    source, library = whole.folder / "crash.c", whole.folder / "libcrash.so"
    source.write_text(CRASHING, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    text = whole.folder / "text2.so"
    text.write_text("no library", encoding="utf-8")
    install("broken", text)
    found = examined(whole, install("crashing", library))
    said = {each.found.split()[0]: each for each in found["api layer"]}
    assert set(said) == {"XR_APILAYER_broken", "XR_APILAYER_crashing"}
    assert "crashed with signal 6" in said["XR_APILAYER_crashing"].found
    assert "DISABLE_crashing" in said["XR_APILAYER_crashing"].remedy
    assert found["headset"][0].state == "ok"


def test_a_layer_that_is_asked_for_and_not_there(whole: Testbed) -> None:
    found = examined(whole, {"XR_ENABLE_API_LAYERS": "XR_APILAYER_none"})
    (accused,) = found["api layer"]
    assert "XR_APILAYER_none" in accused.found and accused.remedy == "unset XR_ENABLE_API_LAYERS"
