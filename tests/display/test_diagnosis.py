"""What keeps a headset away, told from files and from what was found: each with what mends it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.display import window_system
from vrgen.display.openxr import diagnosis, known
from vrgen.display.openxr.api_layers import ApiLayer, implicit_layers
from vrgen.display.openxr.diagnosis import of_headset, of_runtime
from vrgen.display.openxr.examination import Facts, facts_of
from vrgen.display.openxr.registration import Registration, places
from vrgen.findings import Finding

linux = pytest.mark.skipif("sys.platform != 'linux'", reason="Windows keeps it in the registry")
FOUND = Facts(
    done=True,
    step="leaving",
    runtime="Monado 25.0.0",
    version=(1, 1),
    headset="Remote HMD",
    size_px=(960, 1080),
    gl="llvmpipe",
    spaces=("VIEW", "LOCAL", "LOCAL_FLOOR", "STAGE"),
    depth=True,
    mask=True,
    hands=True,
    rates_hz=(72.0, 90.0),
    states=("READY", "FOCUSED"),
    profiles={"left": "valve/index_controller", "right": "valve/index_controller"},
)
MONADO = Registration(Path("/etc/openxr/1/active_runtime.json"), "HKLM", Path("libopenxr_monado.so"))
MIXED = Registration(Path("C:/MixedRealityRuntime.json"), "HKLM", Path("MixedRealityRuntime.dll"))


def but(**changes: Any) -> Facts:
    fields = {name: getattr(FOUND, name) for name in Facts.__struct_fields__}
    return Facts(**{**fields, **changes})


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


# --- the runtime --------------------------------------------------------------------------------------------


@linux
def test_no_runtime_is_said_with_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XR_RUNTIME_JSON", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    if any(path.exists() for path in places()):
        pytest.skip("this machine has an OpenXR runtime")
    found = by_name(diagnosis.examine())["openxr"]
    assert found.state == "note" and "no OpenXR runtime" in found.found and found.remedy
    link = tmp_path / "openxr/1/active_runtime.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "gone.json")
    assert str(link) in by_name(diagnosis.examine())["openxr"].found


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "is not there"),
        ("{", "is no manifest"),
        ('{"runtime": {}}', "is no manifest"),
        ('{"runtime": {"library_path": "./gone.so"}}', "./gone.so"),
    ],
)
def test_a_registration_that_leads_nowhere_is_said(
    manifest: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runtime.json"
    if manifest is not None:
        path.write_text(manifest, encoding="utf-8")
    monkeypatch.setenv("XR_RUNTIME_JSON", str(path))
    found = by_name(diagnosis.examine())
    assert found["openxr"].state == "note" and found["headset"].state == "note"
    assert str(path) in found["openxr"].found and said.removeprefix("./") in found["openxr"].found
    assert "XR_RUNTIME_JSON" in found["openxr"].remedy


@pytest.mark.skipif("sys.platform != 'linux'", reason="the runtime is a file that is no library")
def test_a_runtime_that_cant_be_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libmonado.so").write_text("no library", encoding="utf-8")
    path = tmp_path / "runtime.json"
    manifest = {"file_format_version": "1.0.0", "runtime": {"library_path": "./libmonado.so"}}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("XR_RUNTIME_JSON", str(path))
    found = by_name(diagnosis.examine())["headset"]
    assert found.state == "note" and "Monado can't be loaded" in found.found and "monado" in found.remedy


def test_a_runtime_without_opengl_is_said_by_name() -> None:
    facts = Facts(done=True, opengl=False, error="it does not take OpenGL; take another")
    found = of_runtime(MIXED, known.named(MIXED), facts)
    assert (
        found.state == "note"
        and "Windows Mixed Reality takes no OpenGL" in found.found
        and "SteamVR" in found.remedy
    )
    assert of_headset(facts, known.named(MIXED))[0].state == "note"


def test_a_runtime_that_answers_is_told_with_where_it_is_registered() -> None:
    found = of_runtime(MONADO, known.MONADO, FOUND)
    assert found.state == "ok"
    assert all(each in found.found for each in ("Monado 25.0.0", "OpenXR 1.1", str(MONADO.manifest), "HKLM"))


# --- the headset --------------------------------------------------------------------------------------------


def test_a_headset_is_told_with_what_it_has_and_lacks() -> None:
    headset, controllers = of_headset(FOUND, known.MONADO)
    assert headset.state == "ok" and controllers.state == "ok"
    assert all(each in headset.found for each in ("Remote HMD", "960 × 1080", "72, 90 Hz", "depth layer"))
    assert headset.found.endswith("lacks eye gaze")
    assert controllers.found == "left Valve Index, right Valve Index"


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({"result": "ERROR_FORM_FACTOR_UNAVAILABLE"}, "sees no headset", "plug it in"),
        ({"result": "ERROR_RUNTIME_FAILURE"}, "Monado does not run", "monado-service"),
        ({"result": "ERROR_RUNTIME_UNAVAILABLE"}, "can't be loaded", "reinstall"),
        ({"error": "no window; update the driver"}, "no window", "update the driver"),
        (
            {"done": False, "died": "crashed with signal 11", "step": "session"},
            "signal 11 when a session",
            "restart",
        ),
        ({"done": False, "died": "no answer for 12 s", "step": "instance"}, "nothing comes back", "starting"),
    ],
)
def test_a_headset_that_does_not_answer_is_said_with_what_helps(
    changes: dict[str, Any], words: str, remedy: str
) -> None:
    (found,) = of_headset(but(**{"error": "OpenXR: it failed; mend it", **changes}), known.MONADO)
    assert (found.name, found.state) == ("headset", "note")
    assert words in found.found and remedy in found.remedy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"profiles": {"right": "valve/index_controller"}}, "only the right one"),
        ({"profiles": {}}, "neither"),
        ({"profiles": {}, "states": ()}, "asleep"),
        ({"profiles": {}, "states": ("READY", "SYNCHRONIZED")}, "asleep"),
        ({"profiles": {}, "states": ("READY", "SYNCHRONIZED", "VISIBLE")}, "menu"),
    ],
)
def test_controllers_that_do_not_answer_are_said(changes: dict[str, Any], words: str) -> None:
    found = by_name(of_headset(but(**changes), known.MONADO))["controllers"]
    assert found.state == "note" and words in found.found and found.remedy


def test_what_the_session_goes_without_is_a_note_each() -> None:
    _, floor, _ = of_headset(but(notes=("it knows no floor; set up the room",)), known.MONADO)
    assert (floor.state, floor.found, floor.remedy) == ("note", "it knows no floor", "set up the room")


@pytest.mark.skipif("sys.platform != 'linux'", reason="the dying program is a shell script")
@pytest.mark.parametrize(
    ("script", "died"),
    [("kill -SEGV $$", "crashed with signal 11"), ("exit 3", "ended with status 3"), ("sleep 60", "no answer")],
)
def test_an_examination_that_dies_leaves_what_it_found(
    script: str, died: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    lines = [
        "#!/bin/sh",
        """echo '{"step": "instance"}'""",
        "echo a runtime prints",
        "echo '[1]'",
        f"exec sh -c '{script}'",
    ]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    facts = facts_of({"PATH": "/usr/bin:/bin"}, "leaving", 0.5)
    assert facts.step == "instance" and facts.died.startswith(died) and not facts.answers


# --- layers -------------------------------------------------------------------------------------------------

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Writes a layer's manifest where the loader looks, and nothing else is there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    folder = tmp_path / "openxr/1/api_layers/implicit.d"
    folder.mkdir(parents=True)

    def write(name: str = "it", **changes: object) -> Path:
        layer = {
            "name": f"XR_APILAYER_{name}",
            "library_path": "lib.so",
            "api_version": "1.0",
            "implementation_version": "1",
            "disable_environment": f"DISABLE_{name}",
        }
        path = folder / f"{name}.json"
        path.write_text(
            json.dumps({"file_format_version": "1.0.0", "api_layer": layer | changes}), encoding="utf-8"
        )
        return path

    return write


def installed(name: str = "XR_APILAYER_it") -> ApiLayer:
    (layer,) = [layer for layer in implicit_layers() if layer.name == name]
    return layer


@linux
def test_a_layer_is_on_until_its_variable_is_set(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    path = install()
    assert installed() == ApiLayer("XR_APILAYER_it", path, "DISABLE_it") and installed().is_on
    monkeypatch.setenv("DISABLE_it", "")  # that it is there counts, not its value
    assert not installed().is_on and "DISABLE_it" in installed().off


@linux
def test_a_layer_that_asks_for_a_variable_is_off_without(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(enable_environment="ENABLE_it")
    assert not installed().is_on
    monkeypatch.setenv("ENABLE_it", "0")
    assert installed().is_on


@linux
@pytest.mark.parametrize(
    "changes", [{"disable_environment": None}, {"api_version": 1}, {"library_path": "./gone.so"}]
)
def test_a_layer_that_the_loader_passes_by_is_said(
    changes: dict[str, object], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = install(**changes)
    assert not installed().is_on and installed().trouble
    monkeypatch.setenv("XR_RUNTIME_JSON", "/nowhere/runtime.json")
    (found,) = [each for each in diagnosis.examine() if each.name == "api layer"]
    assert found.state == "note" and "XR_APILAYER_it" in found.found and str(path) in found.remedy


@linux
@given(
    st.one_of(
        st.text(),
        st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps),
    )
)
def test_any_manifest_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("data") / "openxr/1/api_layers/implicit.d"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(text, encoding="utf-8", errors="replace")
    nowhere = str(folder)
    (layer,) = implicit_layers(
        {"XDG_DATA_HOME": str(folder.parents[3]), "XDG_DATA_DIRS": nowhere, "XDG_CONFIG_DIRS": nowhere}
    )
    assert layer.trouble and not layer.is_on


# --- the window system --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "state", "words"),
    [
        ({"DISPLAY": ":0"}, "ok", "X11 (:0)"),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "ok", "XWayland"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "note", "without XWayland"),
        ({}, "note", "none"),
    ],
)
def test_the_window_system_is_told(environment: dict[str, str], state: str, words: str) -> None:
    found = window_system.examine(environment, "linux")
    assert found.state == state and words in found.found and bool(found.remedy) == (state == "note")
