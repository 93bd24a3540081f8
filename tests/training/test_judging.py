"""The judges: what replays the data scores near the ceiling, noise near the floor, and faults are found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("scipy")

from vrgen import judgement, progress
from vrgen.cli import main
from vrgen.errors import VrgenError
from vrgen.training import distances, seams
from vrgen.training.dataset import About, Dataset, Item
from vrgen.training.export import export
from vrgen.training.judging import Made, Score, judge
from vrgen.training.writing import DTYPES, Writer

SIDE = 32


def plain(codes: np.ndarray) -> distances.Features:
    """In the place of the network: colours at 8×8, and how much each place varies."""
    size = torch.nn.functional.adaptive_avg_pool2d
    pictures = torch.from_numpy(codes)
    coarse = size(pictures, 8)
    rough = size((pictures[..., 1:, 1:] - pictures[..., :-1, :-1]).abs(), 4)
    return torch.cat([coarse.flatten(1), 20 * rough.flatten(1)], 1).double().numpy()


def waves(seed: int, channels: int = 3, wraps: bool = True) -> np.ndarray:
    """(C, SIDE, SIDE) in [0, 1]: some waves over a colour; they go on at the opposite edge, or not."""
    rng = np.random.default_rng(seed)
    place = np.arange(SIDE) / SIDE * 2 * np.pi
    total = np.zeros((channels, SIDE, SIDE))
    for _ in range(5):
        u, v = rng.integers(-3, 4, 2) + (0 if wraps else 0.5)
        wave = np.cos(u * place[:, None] + v * place + rng.uniform(0, 7))
        total += wave * rng.normal(0, 1, (channels, 1, 1))
    return np.clip(rng.uniform(0.3, 0.7, (channels, 1, 1)) + 0.08 * total, 0, 1).astype(np.float32)


def dataset(folder: Path, kind: str = "texture", count: int = 120, data: np.ndarray | None = None) -> Dataset:
    if data is None:
        data = np.stack([waves(seed) for seed in range(count)])
    stored = (data * 255).round().astype(np.uint8) if kind in ("picture", "texture") else data.astype(DTYPES[kind])
    shape = stored.shape[1:]
    with Writer(folder, kind, shape) as writer:
        for pixels in stored:
            writer.append(pixels)
        items = tuple(
            Item(index=n, file=f"{n}.png", sha256="0" * 64, source="here", licence="CC0-1.0", split="train")
            for n in range(len(stored))
        )
        writer.finish(About(name="a", kind=kind, shape=shape, channels=("c",) * shape[0], items=items))
    return Dataset.open(folder)


def scores(made: np.ndarray, data: Dataset, edges_m: float | None = None) -> dict[str, Score]:
    return {score.name: score for score in judge(Made(made, edges_m), data, plain).scores}


class TestVerdicts:
    """Generators whose faults are known."""

    def test_a_new_draw_of_the_same_kind_scores_at_the_ceiling(self, tmp_path: Path) -> None:
        found = scores(np.stack([waves(seed) for seed in range(1000, 1060)]), dataset(tmp_path / "d"))
        for name in ("frechet", "kernel"):
            score = found[name]
            assert abs(score.made - score.ceiling) < 0.15 * (score.floor - score.ceiling)
        assert found["precision"].made > found["precision"].ceiling - 0.25
        assert found["recall"].made > found["recall"].ceiling - 0.25
        assert found["diversity"].made == pytest.approx(found["diversity"].ceiling, rel=0.1)
        assert found["seam"].made == pytest.approx(found["seam"].ceiling, rel=0.1)

    def test_a_replay_of_the_data_scores_at_the_ceiling_or_better(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d")
        replay = np.asarray(data.data, np.float32)[np.random.default_rng(0).permutation(120)[:60]] / 255
        found = scores(replay, data)
        assert found["frechet"].made < found["frechet"].ceiling * 1.1
        assert found["precision"].made >= found["precision"].ceiling - 0.05

    def test_noise_scores_at_the_floor(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d")
        values = np.asarray(data.data, np.float32).transpose(0, 2, 3, 1).reshape(-1, 3) / 255
        drawn = np.random.default_rng(5).integers(0, len(values), (60, SIDE, SIDE))
        found = scores(np.ascontiguousarray(values[drawn].transpose(0, 3, 1, 2)), data)
        for name in ("frechet", "kernel", "diversity"):
            assert found[name].made == pytest.approx(found[name].floor, rel=0.1)
        assert found["precision"].made <= 0.1 and found["recall"].made <= 0.1

    def test_a_collapsed_one_is_precise_and_has_no_variety(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d")
        one = np.asarray(data.data[7], np.float32) / 255
        rng = np.random.default_rng(0)
        shaken = np.stack([np.clip(one + rng.normal(0, 0.002, one.shape), 0, 1) for _ in range(60)])
        found = scores(shaken.astype(np.float32), data)
        assert found["precision"].made > 0.9
        assert found["recall"].made < 0.1
        assert found["diversity"].made < 0.1 * found["diversity"].ceiling

    def test_half_of_the_kinds_is_half_of_the_recall(self, tmp_path: Path) -> None:
        bright = np.stack([waves(seed) * (0.4 if seed % 2 else 1.0) for seed in range(160)])
        data = dataset(tmp_path / "d", data=bright)
        found = scores(np.stack([waves(seed) for seed in range(1000, 1080)]), data)
        assert 0.25 < found["recall"].made < 0.65 < found["recall"].ceiling

    def test_a_seam_is_found(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d")
        found = scores(np.stack([waves(seed, wraps=False) for seed in range(60)]), data)
        assert found["seam"].ceiling < 1.2
        assert found["seam"].made > 1.8
        assert found["seam"].floor > 1.8


class TestKinds:
    """What is looked at besides."""

    def test_a_panorama_has_a_seam_and_a_zenith(self, tmp_path: Path) -> None:
        elevation = np.linspace(np.pi / 2, -np.pi / 2, SIDE)[:, None]
        azimuth = np.linspace(0, 2 * np.pi, 2 * SIDE, endpoint=False)

        def sky(seed: int, pinched: bool) -> np.ndarray:
            rng = np.random.default_rng(seed)
            total = np.ones((3, SIDE, 2 * SIDE)) + rng.uniform(0, 3)
            for turns in range(1, 4):
                wide = np.ones_like(elevation) if pinched else np.cos(elevation) ** turns
                total += rng.normal(0, 0.4, (3, 1, 1)) * wide * np.cos(turns * azimuth + rng.uniform(0, 7))
            return np.maximum(total, 0).astype(np.float32)

        data = dataset(tmp_path / "d", "panorama", data=np.stack([sky(n, False) for n in range(40)]))
        good = scores(np.stack([sky(n, False) for n in range(100, 120)]), data)
        bad = scores(np.stack([sky(n, True) for n in range(100, 120)]), data)
        assert good["pinch"].made < 0.2 and good["pinch"].ceiling < 0.2
        assert bad["pinch"].made > 0.8
        assert good["seam"].made == pytest.approx(1, abs=0.25)

    def test_land_is_judged_by_its_forms_and_its_slope_is_told(self, tmp_path: Path) -> None:
        land = np.stack([1000 * waves(n, channels=1, wraps=False) for n in range(60)])
        data = dataset(tmp_path / "d", "heightfield", data=land)
        flatter = np.stack([100 * waves(n, channels=1, wraps=False) + 5 for n in range(100, 130)])
        found = scores(flatter.astype(np.float32), data, edges_m=0.0)
        assert found["frechet"].made == pytest.approx(found["frechet"].ceiling, rel=0.5)
        assert found["slope"].made == pytest.approx(found["slope"].ceiling / 10, rel=0.3)
        assert found["edges"].made == 0 and found["edges"].floor > 1

    def test_grey_pictures(self, tmp_path: Path) -> None:
        digits = np.stack([waves(n, channels=1) for n in range(40)])
        found = scores(digits[:20], dataset(tmp_path / "d", "picture", data=digits))
        assert set(found) == {"frechet", "kernel", "precision", "recall", "diversity"}

    def test_few_pictures_and_unlike_sizes_are_told(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d", count=20)
        large = np.repeat(np.repeat(np.stack([waves(n) for n in range(16)]), 2, -1), 2, -2)
        verdict = judge(Made(large), data, plain)
        assert verdict.size == (SIDE, SIDE) and verdict.samples == 10
        assert any("10 samples beside 10 pictures are few" in told for told in verdict.warnings)
        assert any(f"both are compared at {SIDE}×{SIDE}" in told for told in verdict.warnings)

    def test_too_few_to_be_halved(self, tmp_path: Path) -> None:
        data = dataset(tmp_path / "d", count=6)
        with pytest.raises(VrgenError, match=r"has 6 items from 6 files, at least 8 .*larger dataset"):
            judge(Made(np.stack([waves(n) for n in range(6)])), data, plain)


class TestDistances:
    """The formulas, on clouds whose answer is known."""

    def test_frechet_of_normal_clouds(self) -> None:
        rng = np.random.default_rng(0)
        one, other = rng.normal(0, 1, (4000, 3)), rng.normal([3, 0, 0], 2, (4000, 3))
        assert distances.frechet(one, other) == pytest.approx(9 + 3, rel=0.05)  # |3|² and 3 (2 - 1)²
        assert distances.frechet(one, one) == pytest.approx(0, abs=1e-9)

    def test_frechet_agrees_with_the_root_of_the_matrix(self) -> None:
        from scipy.linalg import sqrtm

        rng = np.random.default_rng(1)
        one, other = rng.normal(0, 1, (300, 5)) @ rng.normal(0, 1, (5, 5)), rng.normal(1, 1, (200, 5))
        a, b = np.cov(one.T), np.cov(other.T)
        slow = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
        assert distances.frechet(one, other) == pytest.approx(slow, rel=1e-6)

    def test_kernel_is_unbiased(self) -> None:
        rng = np.random.default_rng(2)
        draws = [distances.kernel(rng.normal(0, 1, (30, 8)), rng.normal(0, 1, (20, 8))) for _ in range(200)]
        assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(200)
        assert distances.kernel(rng.normal(0, 1, (30, 8)), rng.normal(2, 1, (20, 8))) > 10 * np.std(draws)

    def test_coverage_of_clouds(self) -> None:
        rng = np.random.default_rng(3)
        real = rng.normal(0, 1, (200, 2))
        left = real[real[:, 0] < 0] + rng.normal(0, 0.01, (int((real[:, 0] < 0).sum()), 2))
        found = distances.coverage(real, left)
        assert found.precision > 0.95 and 0.4 < found.recall < 0.7
        apart = distances.coverage(real, real + 100)
        assert (apart.precision, apart.recall) == (0, 0)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(4, 20), st.integers(4, 20))
    def test_they_are_symmetric_and_do_not_depend_on_the_order(self, seed: int, n: int, m: int) -> None:
        rng = np.random.default_rng(seed)
        one, other = rng.normal(0, 1, (n, 6)), rng.normal(0.5, 1, (m, 6))
        for distance in (distances.frechet, distances.kernel):
            assert distance(one, other) == pytest.approx(distance(other, one[rng.permutation(n)]), abs=1e-6)

    def test_a_ramp_has_a_seam_as_high_as_it_is(self) -> None:
        ramp = np.tile(np.arange(10, dtype=np.float32), (1, 1, 4, 1))
        assert seams.wrap(ramp, down=False) == pytest.approx(9)
        ring = np.sin(np.arange(32) / 32 * 2 * np.pi).astype(np.float32) * np.ones((1, 3, 32, 1), np.float32)
        assert seams.wrap(ring, down=False) < 1.6
        assert seams.wrap(seams.cut(ring), down=False) > 3


class _Texture(torch.nn.Module):
    """The data itself: a latent's first number chooses the picture."""

    def __init__(self, pictures: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("pictures", pictures)

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        z = inputs["latent"]
        place = int((z[0, 0] * 1000.0).abs().long().item()) % self.pictures.shape[0]
        return {"albedo": self.pictures[place : place + 1]}


_Texture.forward.__annotations__ = {
    "inputs": dict[str, torch.Tensor],
    "return": dict[str, torch.Tensor],
}


def checkpoint(path: Path, pictures: np.ndarray) -> Path:
    manifest: dict[str, object] = {
        "vrgen": 1,
        "name": "replay",
        "inputs": {"latent": {"kind": "latent", "shape": [1, 4]}},
        "outputs": {"albedo": {"kind": "texture", "shape": list(pictures.shape[1:])}},
    }
    module = _Texture(torch.from_numpy(pictures * 2 - 1))
    export(module, manifest, path, {"latent": torch.randn(1, 4)})
    return path


class TestTheCommand:
    def test_a_replay_of_the_data(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(judgement, "embedder", lambda cache: plain)
        data = dataset(tmp_path / "d")
        path = checkpoint(tmp_path / "a.pt", np.asarray(data.data, np.float32) / 255)
        capsys.readouterr()
        sheet = tmp_path / "sheet.png"
        options = ["--samples", "60", "--device", "cpu", "--sheet", str(sheet)]
        assert main(["judge", str(path), str(data.folder), *options, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["output"] == "albedo" and said["samples"] == 60
        assert "EfficientNet-Lite0" in said["features"]
        score = said["scores"]["frechet"]
        assert score["made"] < 1.5 * score["ceiling"] < 0.5 * score["floor"]
        assert said["scores"]["diversity"]["made"] == pytest.approx(
            said["scores"]["diversity"]["ceiling"], rel=0.15
        )
        assert sheet.read_bytes()[:4] == b"\x89PNG"
        assert main(["judge", str(path), str(data.folder), *options]) == 0
        told = capsys.readouterr().out
        assert "ceiling" in told and "not to be compared with scores of Inception" in told

    def test_what_takes_long_is_told_before_and_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(judgement, "embedder", lambda cache: plain)
        data = dataset(tmp_path / "d")
        path = checkpoint(tmp_path / "a.pt", np.asarray(data.data, np.float32) / 255)
        call = ["judge", str(path), str(data.folder), "--samples", "128", "--device", "cpu"]
        capsys.readouterr()
        monkeypatch.setattr(judgement, "LONG_S", 1e9)
        assert main(call) == 0
        assert "this takes" not in capsys.readouterr().err
        monkeypatch.setattr(judgement, "LONG_S", 0.0)
        monkeypatch.setattr(progress, "FIRST_S", 0.0)
        monkeypatch.setattr(progress, "EVERY_S", 0.0)
        assert main(call) == 0
        said = capsys.readouterr().err
        assert said.index("this takes about ") < said.index("looking at the pictures")
        assert "--samples 64 is twice as quick" in said
        assert "… making samples: 128 of 128" in said and "… looking at the pictures: 240 of 240" in said

    def test_what_is_no_dataset_or_of_another_kind(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pictures = np.stack([waves(n) for n in range(8)])
        path = checkpoint(tmp_path / "a.pt", pictures)
        data = dataset(tmp_path / "d", "picture", data=pictures)
        capsys.readouterr()
        assert main(["judge", str(path), str(tmp_path)]) == 1
        assert "dataset.json" in capsys.readouterr().err
        assert main(["judge", str(path), str(data.folder), "--device", "cpu"]) == 2
        said = capsys.readouterr().err
        assert "makes texture" in said and "holds pictures; judge it by one of its kind" in said
        assert main(["judge", str(path), str(data.folder), "--samples", "2"]) == 2
        assert "--samples is 2" in capsys.readouterr().err
        assert main(["judge", str(path), str(data.folder), "--sheet", str(tmp_path / "no/a.png")]) == 2
        assert "there is no folder" in capsys.readouterr().err

    def test_what_is_not_there_is_a_wrong_call(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = checkpoint(tmp_path / "a.pt", np.stack([waves(n) for n in range(8)]))
        capsys.readouterr()
        assert main(["judge", str(path), str(tmp_path / "b")]) == 2
        said = capsys.readouterr().err
        assert "b: there is no such folder, a folder that vrgen dataset has made was expected" in said
        assert "recipe" not in said
        assert main(["judge", str(path), str(path)]) == 2
        assert "a.pt: is a file, a folder" in capsys.readouterr().err
        assert main(["judge", str(tmp_path / "none.pt"), str(tmp_path)]) == 2
        assert "none.pt: no such file" in capsys.readouterr().err
