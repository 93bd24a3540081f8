"""Meshes as data: files to bodies, bodies to checkpoints, and what is judged of them."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sets import recipe

pytest.importorskip("scipy")
pytest.importorskip("trimesh")

import trimesh

from vrgen.cli import main
from vrgen.errors import RecipeError
from vrgen.generator.inspection import check_checkpoint
from vrgen.training import shapes
from vrgen.training import state as states
from vrgen.training.bodies import cast, finest, measured, points_of
from vrgen.training.dataset import Dataset
from vrgen.training.feed import Feed
from vrgen.training.judging import Made, judge
from vrgen.training.mesh_files import read_surface
from vrgen.training.reading import Unreadable
from vrgen.training.rocks_data import Mesh as Stone
from vrgen.training.rocks_data import cast as cast_at_all
from vrgen.training.shading import shaded
from vrgen.training.train import Asked, train_recipe

LYING = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 999999999999\nproperty float x\nproperty float y\n"
    b"property float z\nelement face 999999999999\nproperty list uchar int vertex_indices\nend_header\n"
)
"""The header of a PLY file that promises more than any memory holds."""
FORMATS = ["ply", "obj", "stl", "glb", "gltf", "off"]


def lump(seed: int) -> trimesh.Trimesh:
    """An ellipsoid that leans, like no other seed's."""
    rng = np.random.default_rng(seed)
    made = trimesh.creation.icosphere(3)
    lean = np.eye(4)
    lean[:3, :3] = np.diag(rng.uniform(0.4, 1, 3)) + rng.uniform(-0.2, 0.2, (3, 3))
    made.apply_transform(lean)
    made.visual.vertex_colors = [*rng.integers(0, 256, 3).tolist(), 255]
    return made


def pot(open_above: float) -> trimesh.Trimesh:
    """A ball without its faces above that height."""
    made = trimesh.creation.icosphere(4)
    made.update_faces(made.triangles_center[:, 1] < open_above)
    return made


def hidden() -> trimesh.Trimesh:
    """A ball within a shell: rays tell the shell alone."""
    return trimesh.util.concatenate([trimesh.creation.icosphere(3), trimesh.creation.icosphere(3, radius=0.8)])


def folder_of(folder: Path, count: int = 8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        lump(seed).export(folder / f"lump-{seed}.ply")
    return folder


def prepared(folder: Path, *options: str) -> Dataset:
    out = folder.parent / "set"
    assert main(["dataset", str(folder), "-o", str(out), "--kind", "mesh", *options]) == 0
    return Dataset.open(out)


def values(path: Path, **how: str) -> np.ndarray:
    return measured(read_surface(path, **how)).values  # type: ignore[arg-type]


class TestFiles:
    """Known shapes come back, whatever the format."""

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_sphere_is_a_sphere(self, form: str, tmp_path: Path) -> None:
        sphere = trimesh.creation.icosphere(4, radius=7.0)
        sphere.apply_translation([3, -20, 1])
        written = trimesh.exchange.gltf.export_gltf(trimesh.Scene(sphere)) if form == "gltf" else {}
        for name, content in written.items():
            (tmp_path / name.replace("model", "a")).write_bytes(content)
        if not written:
            sphere.export(tmp_path / f"a.{form}")
        body = measured(read_surface(tmp_path / f"a.{form}"))
        assert np.abs(body.values[0]).max() < 0.005  # ln(2 r) of a sphere whose largest side is 1
        assert body.apart < 0.005 and body.mended == ""

    def test_a_box_comes_back(self, tmp_path: Path) -> None:
        trimesh.creation.box((4, 2, 3)).export(tmp_path / "a.stl")
        body = measured(read_surface(tmp_path / "a.stl"))
        points = points_of(body.values)
        assert np.allclose(np.ptp(points, axis=0), [1, 0.5, 0.75], atol=0.03)
        outside = np.abs(points) / [0.5, 0.25, 0.375]
        assert np.allclose(outside.max(1), 1, atol=1e-5)  # every point lies on one of the sides
        assert body.apart < 0.006

    def test_a_cylinder_stands_up(self, tmp_path: Path) -> None:
        trimesh.creation.cylinder(radius=1, height=6).export(tmp_path / "a.obj")  # along z
        trimesh.creation.cylinder(radius=1, height=6).export(tmp_path / "a.glb")
        for name, tall in (("a.obj", 1), ("a.glb", 2)):  # glTF has +Y up by rule
            assert np.ptp(points_of(values(tmp_path / name, up="z")), axis=0).argmax() == tall

    def test_up_is_a_turn_and_no_mirror(self, tmp_path: Path) -> None:
        lump(0).export(tmp_path / "a.ply")
        plain = read_surface(tmp_path / "a.ply").triangles
        for up in ("x", "z"):
            turned = read_surface(tmp_path / "a.ply", up).triangles  # type: ignore[arg-type]
            assert np.allclose(np.linalg.det(turned), np.linalg.det(plain))
            axis = {"x": 0, "z": 2}[up]
            assert np.allclose(turned[..., 1], plain[..., axis])

    def test_colours_of_corners_faces_textures_and_materials(self, tmp_path: Path) -> None:
        def east_and_west(made: trimesh.Trimesh, name: str) -> tuple[list[float], list[float]]:
            made.export(tmp_path / name)
            colours = values(tmp_path / name)[1:, :, 0]
            x = finest().directions[:, 0]
            return tuple(colours[:, side].mean(1).round(2).tolist() for side in (x > 0.8, x < -0.8))  # type: ignore[return-value]

        box = trimesh.creation.box((1, 1, 1)).subdivide().subdivide()
        by_corner = box.copy()
        by_corner.visual.vertex_colors = np.where(box.vertices[:, :1] > 0, [[255, 0, 0, 255]], [[0, 0, 255, 255]])
        assert east_and_west(by_corner, "corner.ply") == ([1, 0, 0], [0, 0, 1])
        by_face = box.copy()
        by_face.visual.face_colors = np.where(
            box.triangles_center[:, :1] > 0, [[0, 255, 0, 255]], [[0, 0, 255, 255]]
        )
        assert east_and_west(by_face, "face.ply") == ([0, 1, 0], [0, 0, 1])
        from PIL import Image

        picture = Image.new("RGB", (16, 16), (255, 255, 0))
        picture.paste((0, 0, 0), (0, 0, 8, 16))
        textured = box.copy()
        textured.visual = trimesh.visual.TextureVisuals(uv=box.vertices[:, :2] + 0.5, image=picture)
        assert east_and_west(textured, "texture.obj") == ([1, 1, 0], [0, 0, 0])
        material = trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 0, 255, 255])
        box.visual = trimesh.visual.TextureVisuals(material=material)
        assert east_and_west(box, "material.glb") == ([1, 0, 1], [1, 0, 1])

    def test_several_parts_are_one_body_where_they_stand(self, tmp_path: Path) -> None:
        scene = trimesh.Scene()
        scene.add_geometry(trimesh.creation.box((1, 1, 1)))
        scene.add_geometry(
            trimesh.creation.box((1, 1, 1)), transform=trimesh.transformations.translation_matrix([0, 1, 0])
        )
        scene.export(tmp_path / "a.glb")
        assert np.allclose(np.ptp(points_of(values(tmp_path / "a.glb")), axis=0), [0.5, 1, 0.5], atol=0.03)

    def test_the_farthest_hit_is_that_of_all_rays_on_all_faces(self) -> None:
        made = trimesh.creation.annulus(0.3, 1.0, 0.7)
        origin = np.array([0.5, 0.1, 0.05])
        stone = Stone("a", made.vertices, np.zeros((len(made.vertices), 2)), made.faces)
        directions = finest().directions[::7]
        slow, _ = cast_at_all(stone, origin, directions)
        assert np.allclose(cast(made.triangles - origin, directions).radius, slow, atol=1e-9)


class TestUnfit:
    """What can't be learned is named, with the reason."""

    @pytest.mark.parametrize(
        ("make", "why"),
        [
            (lambda: trimesh.creation.box((1, 0.05, 1)), r"is flat \(1 by 0\.05 by 1\)"),
            (
                lambda: trimesh.creation.torus(1.0, 0.25),
                r"open or does not surround its middle: \d+% .* at most 10%",
            ),
            (
                lambda: pot(0.5),
                r"\d+% of the directions",
            ),
            (hidden, r"can't be told by one radius a direction: .* lies [\d.]+% of its size from it"),
            (lambda: trimesh.Trimesh([[1, 1, 1]] * 3, [[0, 1, 2]], process=False), "has no extent"),
        ],
        ids=["flat", "ring", "open", "hidden", "point"],
    )
    def test_shapes(self, make: object, why: str, tmp_path: Path) -> None:
        make().export(tmp_path / "a.ply")  # type: ignore[operator]
        with pytest.raises(Unreadable, match=why):
            measured(read_surface(tmp_path / "a.ply"))

    @pytest.mark.parametrize(
        ("name", "content", "why"),
        [
            ("a.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "NaN or infinity"),
            ("a.obj", b"v 0 0 0\nv 1 0 0\nf 1 2 9\n", "is damaged or no OBJ mesh"),
            ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "is damaged or no OFF mesh"),
            ("a.stl", b"rubbish" * 30, "it holds no triangles"),
            ("a.glb", b"glTF1234567890", "is damaged or no GLB mesh"),
            ("a.fbx", b"Kaydara", "in a format that is not read"),
            ("a.ply", LYING + b"\0" * 64, "is damaged or no PLY mesh"),
            (
                "a.ply",
                b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
                b"end_header\n0 0 0\n",
                "has points or lines and no triangles",
            ),
        ],
    )
    def test_files(self, name: str, content: bytes, why: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Unreadable, match=why):
            measured(read_surface(tmp_path / name))

    def test_what_is_cut_short(self, tmp_path: Path) -> None:
        for form in ("ply", "stl", "glb", "off", "obj"):
            path = tmp_path / f"a.{form}"
            trimesh.creation.icosphere(2).export(path)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            with pytest.raises(Unreadable):
                measured(read_surface(path))

    def test_a_small_hole_is_closed_and_that_is_said(self, tmp_path: Path) -> None:
        pot(0.9).export(tmp_path / "a.ply")
        body = measured(read_surface(tmp_path / "a.ply"))
        assert "directions met nothing" in body.mended
        radii = 0.5 * np.exp(body.values[0])
        assert np.isfinite(radii).all() and radii.min() > 0.3


class TestTheCommand:
    def test_a_folder_becomes_a_dataset(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a")
        (folder / "empty.obj").touch()
        (folder / "scene.fbx").write_bytes(b"Kaydara")
        trimesh.creation.box((1, 0.02, 1)).export(folder / "sheet.stl")
        pot(0.9).export(folder / "pot.ply")
        lump(3).export(folder / "twin.glb")
        (folder / "same.ply").write_bytes((folder / "lump-5.ply").read_bytes())
        found = prepared(folder, "--licence", "CC0-1.0")
        assert found.data.shape == (9, 4, 2562, 1) and found.data.dtype == np.float32
        assert found.about.kind == "mesh" and len(found.heldout) == 1
        assert {item.licence for item in found.about.items} == {"CC0-1.0"}
        assert all(len(item.sha256) == 64 and 0 < (item.apart or 0) < 0.015 for item in found.about.items)
        why = {skipped.file: skipped.why for skipped in found.about.skipped}
        assert set(why) == {"empty.obj", "scene.fbx", "sheet.stl", "twin.glb", "same.ply"}
        assert "is empty" in why["empty.obj"] and "is flat" in why["sheet.stl"]
        assert "same shape and colours as lump-3.ply" in why["twin.glb"]
        assert "same bytes as lump-5.ply" in why["same.ply"]
        said = capsys.readouterr()
        assert "9 meshes of 2562 directions from 9 files (8 to learn from, 1 held out)" in said.out
        assert "of a mesh's size from its surface" in said.err and "mended: pot.ply closed where" in said.err
        assert all(f"left out: {name} " in said.err for name in why)

    def test_more_may_be_allowed(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path / "a", 3)
        hidden().export(folder / "shell.ply")
        assert len(prepared(folder, "--apart", "0.2").data) == 4

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ("--kind mesh --size 32", ["--size would do nothing", "2562 directions"]),
            ("--kind mesh --crop random", ["--crop would do nothing", "a mesh is taken whole"]),
            ("--kind mesh --enlarge", ["--enlarge would do nothing"]),
            ("--kind mesh --apart 2", ["--apart is 2", "below 1"]),
            ("--size 32 --up z", ["--up would do nothing", "a picture is no mesh"]),
            ("--size 32", ["none is a picture", "2 would be read with --kind mesh"]),
        ],
    )
    def test_refused(
        self, options: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = folder_of(tmp_path / "a", 2)
        assert main(["dataset", str(folder), "-o", str(tmp_path / "b"), *options.split()]) == 2
        said = capsys.readouterr().err
        assert all(word in said for word in words) and said.count("\n") == 1, said
        assert not (tmp_path / "b").exists()

    def test_one_mesh(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a", 1)
        assert main(["dataset", str(folder), "-o", str(tmp_path / "b"), "--kind", "mesh"]) == 1
        said = capsys.readouterr().err
        assert "one usable mesh (lump-0.ply)" in said and "--crop" not in said


def quiet() -> Console:
    return Console(file=io.StringIO())


class TestTraining:
    @pytest.mark.slow
    @pytest.mark.parametrize("family", ["vae", "mesh"])
    def test_from_a_folder_to_a_checkpoint(self, family: str, tmp_path: Path) -> None:
        prepared(folder_of(tmp_path / "a"))
        path = recipe(tmp_path, family, steps=4, batch=2, export="metres = 3.0")
        whole = train_recipe(Asked(path, tmp_path / "whole"), quiet())
        (checkpoint,) = whole.checkpoints
        assert list(check_checkpoint(checkpoint, None)) == []
        module = torch.jit.load(str(checkpoint))  # type: ignore[no-untyped-call]
        made = module({"latent": torch.randn(1, 80)})
        vertices = made["mesh.vertices"].numpy()
        body = trimesh.Trimesh(vertices, made["mesh.faces"].numpy(), process=False)
        assert body.is_watertight and body.volume > 0
        assert 1.5 < np.ptp(vertices, axis=0).max() < 6 and vertices[:, 1].min() == pytest.approx(0, abs=1e-6)

        train_recipe(Asked(path, tmp_path / "broken", steps=2), quiet())
        train_recipe(Asked(path, tmp_path / "broken", steps=4, resume=True), quiet())
        one, other = (states.load(tmp_path / name / "state.pt")["average"] for name in ("whole", "broken"))
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)

    def test_families_of_pictures_are_refused(self, tmp_path: Path) -> None:
        prepared(folder_of(tmp_path / "a", 4))
        with pytest.raises(RecipeError, match=r'set model\.family to "mesh" or "vae"'):
            train_recipe(Asked(recipe(tmp_path, "dcgan"), tmp_path / "run"), quiet())

    def test_turned_and_mirrored_bodies_are_those_of_turned_and_mirrored_meshes(self, tmp_path: Path) -> None:
        found = prepared(folder_of(tmp_path / "a", 2), "--heldout", "0")
        body = torch.from_numpy(np.array(found.data[0]))
        with Feed(found, "none", 2, 0, ("mirror", "roll")) as feed:
            changed = {"turned": feed._roll(body, np.array([0.0, 0.45])), "mirrored": feed._mirror(body)}
        turn = trimesh.transformations.rotation_matrix(2 * 2 * math.pi / 5, [0, 1, 0])
        for name, change in (("turned", turn), ("mirrored", np.diag([1.0, 1, -1, 1]))):
            mesh = lump(0)
            mesh.apply_transform(change)
            mesh.export(tmp_path / f"{name}.ply")
            expected, got = values(tmp_path / f"{name}.ply")[0], changed[name][0].numpy()
            # A box grows with a turn, and the body with it shrinks as a whole.
            assert np.abs((got - got.mean()) - (expected - expected.mean())).max() < 0.02
            assert np.abs(got - np.array(found.data[0])[0]).max() > 0.1

    @pytest.mark.parametrize("changes", [("mirror",), ("roll",)])
    def test_changes_reach_the_batches(self, changes: tuple[str, ...], tmp_path: Path) -> None:
        found = prepared(folder_of(tmp_path / "a", 2), "--heldout", "0")
        with Feed(found, "none", 2, 0, changes) as feed, Feed(found, "none", 2, 0) as plain:
            assert any(not torch.equal(feed.deal()[0], plain.deal()[0]) for _ in range(4))


class TestJudging:
    @pytest.mark.slow
    def test_a_replay_scores_at_the_ceiling_and_noise_at_the_floor(self, tmp_path: Path) -> None:
        found = prepared(folder_of(tmp_path / "a", 24), "--heldout", "0")
        bodies = np.stack([shapes.again(np.array(body)) for body in found.data])
        rng = np.random.default_rng(0)
        noise = bodies.transpose(0, 2, 3, 1).reshape(-1, 4)[rng.integers(0, 24 * 2562, (12, 2562))]
        noise = np.ascontiguousarray(noise.transpose(0, 2, 1)[..., None])
        replay, bad = (
            {score.name: score for score in judge(Made(made), found, unused, sheet=tmp_path / "s.png").scores}
            for made in (bodies[rng.permutation(24)[:12]], noise)
        )
        assert replay["frechet"].made < 1.3 * replay["frechet"].ceiling < 0.3 * replay["frechet"].floor
        assert bad["frechet"].made == pytest.approx(bad["frechet"].floor, rel=0.1)
        assert replay["diversity"].made == pytest.approx(replay["diversity"].ceiling, rel=0.3)
        assert (tmp_path / "s.png").is_file()

    def test_measured_again_a_body_is_the_same(self, tmp_path: Path) -> None:
        body = np.array(prepared(folder_of(tmp_path / "a", 2)).data[0])
        assert np.abs(shapes.again(body)[0] - body[0]).mean() < 0.005

    @pytest.mark.slow
    def test_the_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        found = prepared(folder_of(tmp_path / "a", 16))
        path = recipe(tmp_path, "vae", steps=2, batch=2)
        (checkpoint,) = train_recipe(Asked(path, tmp_path / "run"), quiet()).checkpoints
        capsys.readouterr()
        assert (
            main(["judge", str(checkpoint), str(found.folder), "--samples", "8", "--device", "cpu", "--json"]) == 0
        )
        said = json.loads(capsys.readouterr().out)
        assert said["kind"] == "mesh" and said["features"].startswith("shape descriptor")
        assert said["scores"]["frechet"]["made"] > said["scores"]["frechet"]["ceiling"]


def unused(_: np.ndarray) -> np.ndarray:
    raise AssertionError


def test_a_picture_of_a_body_is_lit_from_above() -> None:
    ball = np.zeros((4, 2562, 1), np.float32)
    ball[1:] = 0.5
    seen = shaded(ball, 64).mean(0)
    assert seen[20, 32] > seen[44, 32] > 0.1
    assert np.ptp(seen[:4]) == 0  # nothing but the background at the rim


def test_a_library_of_furniture_is_read_with_its_textures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vrgen.training import things
    from vrgen.training.bodies import Body

    lump(0).export(tmp_path / "lump.obj")
    for library in things.LIBRARIES:
        with zipfile.ZipFile(tmp_path / f"{library}.sh3f", "w") as files:
            catalogue = "model#1=/some/redLump/redLump.obj\ncreator#1=A. Smith\nmodel#2=/some/other/other.obj\n"
            files.writestr("PluginFurnitureCatalog.properties", catalogue)
            obj = "mtllib a.mtl\nusemtl red\n" + (tmp_path / "lump.obj").read_text()
            files.writestr("some/redLump/redLump.obj", obj)
            files.writestr("some/redLump/a.mtl", "newmtl red\nKd 1 0 0\n")
            files.writestr("some/other/other.obj", "")
    monkeypatch.setattr(things, "unpack", lambda *_: tmp_path)
    found = things.candidates(None)
    assert [candidate.licence for candidate in found[::2]] == ["CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-US", "CC-BY-3.0"]
    empty, red = found[:2]
    assert red.source.endswith("(A. Smith)") and empty.source.endswith("(contributors of Blend Swap)")
    assert (red.file, red.text) == ("BlendSwap-CC-0/some/redLump/redLump.obj", "red lump")
    body = red.read().content
    assert isinstance(body, Body) and body.apart < 0.006
    assert np.allclose(body.values[1:, :, 0].mean(1), [1, 0, 0])
    with pytest.raises(Unreadable, match="is empty"):
        empty.read()
