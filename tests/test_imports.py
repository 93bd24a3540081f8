"""Who may import whom, read from the source; what stays unloaded until it is needed, seen in fresh processes."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vrgen"
STAGES = {"inputs", "generator", "scene", "renderer", "display", "feedback", "training"}
TRAINERS = {"cli", "trainer", "workshop", "preparation", "judgement"}
"""Those that hand over to training when one of its commands is called; the frame process loads none but cli."""
WIRING = {"app", "visit", "accounts", "doctor", "errands", "__main__"} | TRAINERS
"""Top-level modules that put stages together; every other top-level module, and gl, is the base layer."""
SOURCES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The stage, "gl", or the top-level module that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def parts_imported(source: str, package: str = "vrgen") -> set[str]:
    """Parts of vrgen that a module of `package` imports anywhere in it, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("vrgen.")}


def allowed(part: str, imported: str) -> bool:
    if imported in (part, "__version__"):
        return True
    if part in WIRING:
        return imported != "training" or part in TRAINERS
    return imported not in STAGES | WIRING


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_import_only_themselves_and_the_base_layer(path: Path) -> None:
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    part = part_of(path)
    wrong = {
        other for other in parts_imported(path.read_text(encoding="utf-8"), package) if not allowed(part, other)
    }
    assert not wrong, f"{part} must not import {', '.join(sorted(wrong))}; app.py puts stages together"


@pytest.mark.parametrize(
    "line",
    [
        "import vrgen.scene.tiles",
        "from vrgen import scene",
        "from vrgen.scene import tiles",
        "from ..scene import tiles",
        "def f():\n    from vrgen.scene.tiles import Tile",
    ],
)
def test_every_way_to_import_is_seen(line: str) -> None:
    assert parts_imported(line, "vrgen.renderer") == {"scene"}
    assert not allowed("renderer", "scene")


def third_party(source: str) -> set[str]:
    """Top-level names of packages that are neither Python's own nor vrgen."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"vrgen"}


MADE_BY = {"cuda": ["cuda-bindings"]}
"""Of what is not installed everywhere."""


@pytest.mark.parametrize("part", ["runtime", "training"])
def test_what_is_imported_is_declared(part: str) -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ("train",) if part == "training" else ("prompts", "cuda")
    wanted = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    declared = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted}
    sources = [path for path in SOURCES if (part_of(path) == "training") == (part == "training")]
    provided_by = importlib.metadata.packages_distributions()
    for path in sources:
        for name in third_party(path.read_text(encoding="utf-8")):
            makers = {maker.lower() for maker in provided_by.get(name, MADE_BY.get(name, [name]))}
            assert makers & declared, (
                f"{path.relative_to(PACKAGE)} imports {name}, pyproject.toml does not declare it"
            )


HEAVY = ("torch", "OpenGL", "glfw", "imgui_bundle", "xr", "trimesh", "imageio")


def loaded_by(code: str) -> list[str]:
    """Heavy modules that a fresh Python has loaded after `code`."""
    tell = f"import sys; print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()[-1].split()[1:]


def test_importing_vrgen_loads_nothing_heavy() -> None:
    assert loaded_by("import vrgen") == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["inspect", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert (
        loaded_by(f"from vrgen.cli import main\ntry:\n    main({arguments})\nexcept SystemExit:\n    pass") == []
    )


def test_a_heavy_import_is_seen() -> None:
    assert loaded_by("import glfw") == ["glfw"]


def test_the_frame_process_does_not_load_torch() -> None:
    assert "torch" not in loaded_by("import vrgen.app")
