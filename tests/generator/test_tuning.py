"""A faster way of calling a model is taken where it is faster and makes the same, and left where it is not."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import checkpoints
import msgspec
import pytest
import torch
from torch import Tensor, nn

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.errors import CheckpointError
from vrgen.generator import checkpoint
from vrgen.generator.checkpoint import Model, load
from vrgen.generator.inference import Outputs
from vrgen.generator.knobs import sample_inputs
from vrgen.generator.nearness import WORST, differences
from vrgen.generator.tuning import MARGIN, Tuning
from vrgen.generator.ways import PLAIN, Way
from vrgen.messages import InputValue

HALF = Way("bfloat16")
CUDA = torch.cuda.is_available()
gpu = [pytest.mark.gpu, pytest.mark.skipif(not CUDA, reason="no CUDA device here")]


def manifest(*, tiled: bool = False, **outputs: c.OutputSpec) -> Manifest:
    inputs: dict[str, c.InputSpec] = {"latent": c.LatentInput(shape=(1, 8))}
    if tiled:
        inputs["tile"] = c.TileInput()
    return Manifest(
        vrgen=1, name="test", inputs=inputs, outputs=outputs or {"picture": c.PictureOutput(shape=(3, 8, 8))}
    )


# --- how near is near enough --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "key", "plain", "step"),
    [
        (c.PictureOutput(shape=(3, 8, 8)), "", 0.5, 2 / 255),
        (c.PictureOutput(shape=(3, 8, 8), range=(0.0, 1.0)), "", 0.5, 1 / 255),
        (c.TextureOutput(shape=(1, 8, 8), role="roughness"), "", 0.5, 1 / 255),
        (c.PanoramaOutput(shape=(3, 8, 16), range="linear"), "", 50.0, 1.0),
        (c.PanoramaDepthOutput(shape=(1, 8, 16)), "", 10.0, 0.2),
        (c.HeightfieldOutput(shape=(1, 8, 8), metres=64.0), "", 20.0, 0.001),
        (c.HeightfieldOutput(shape=(1, 8, 8), metres=64.0, range=(0.0, 1.0), relief_m=100.0), "", 0.2, 0.00001),
        (c.MeshOutput(shape=(64, 3)), "vertices", 1.0, 0.001),
        (c.MeshOutput(shape=(64, 3)), "normals", 0.5, 0.01),
        (c.SplatsOutput(shape=(64, 3)), "scales", 0.5, 0.01),
        (c.ViewOutput(shape=(3, 8, 8)), "depth", 4.0, 0.08),
    ],
)
def test_the_limit_of_each_kind(entry: c.OutputSpec, key: str, plain: float, step: float) -> None:
    said = manifest(out=entry)
    one = torch.full((8, 16), plain)
    within = differences(said, {("out", key): one}, {("out", key): one + 0.98 * step})[0]
    beyond = differences(said, {("out", key): one}, {("out", key): one + 1.02 * step})[0]
    assert within.allowed and not beyond.allowed and "p99" in str(beyond)


def test_one_number_in_a_hundred_may_be_further_off_and_none_very_far() -> None:
    said, one = manifest(), torch.zeros(3, 100, 10)
    few, many, far = one.clone(), one.clone(), one.clone()
    few[0, :2] = many[0, :4] = 0.9 * WORST * 2 / 255
    far[0, 0, 0] = 1.1 * WORST * 2 / 255
    allowed = [
        differences(said, {("picture", ""): one}, {("picture", ""): it})[0].allowed for it in (few, many, far)
    ]
    assert allowed == [True, False, False]


def test_whole_numbers_and_shapes_must_be_the_same() -> None:
    said, faces = manifest(out=c.MeshOutput(shape=(3, 3))), torch.tensor([[0, 1, 2]])
    for other in (faces + 1, torch.cat((faces, faces))):
        assert not differences(said, {("out", "faces"): faces}, {("out", "faces"): other})[0].allowed
    assert differences(said, {("out", "faces"): faces}, {("out", "faces"): faces.clone()})[0].allowed


# --- choosing, by a clock that the test keeps ---------------------------------------------------------------


class Timed(Model):
    """Takes by the test's clock what `costs` says of a way, and is off by what `errors` says."""

    def __init__(self, said: Manifest, costs: Mapping[Way, float], errors: Mapping[Way, float]) -> None:
        super().__init__("timed.pt", nn.Conv2d(1, 1, 1), said, "cpu")
        self.costs, self.errors = costs, errors
        self.now_s = 0.0
        self.calls: list[Way] = []

    def call_so(self, way: Way, inputs: Mapping[str, InputValue], seed: int = 0) -> Outputs:
        self.calls.append(way)
        self.now_s += self.costs.get(way, 1.0)
        if way not in self.costs:
            raise CheckpointError("timed.pt: the call raised RuntimeError (no such kernel)")
        return {("picture", ""): torch.zeros(3, 8, 8) + self.errors.get(way, 0.0)}

    def tuned(self, **more: Any) -> dict[str, str]:
        """Tune it; why each way was refused."""
        tuning = Tuning(self, clock=lambda: self.now_s, **more)
        while tuning.step():
            pass
        return {trial.way: trial.refused for trial in tuning.trials}


BOTH = Way("bfloat16", channels_last=True)
LAST = Way(channels_last=True)


def test_the_fastest_that_is_near_is_taken() -> None:
    model = Timed(manifest(), {PLAIN: 0.1, HALF: 0.06, BOTH: 0.05, LAST: 0.08}, {HALF: 0.5 / 255, BOTH: 4 / 255})
    refused = model.tuned()
    assert model.way == HALF
    assert "too far" in refused[str(BOTH)] and refused[str(HALF)] == refused[str(LAST)] == ""


@pytest.mark.parametrize("share", [MARGIN + 0.02, 1.0, 3.0])
def test_what_is_hardly_faster_is_left(share: float) -> None:
    model = Timed(manifest(), {PLAIN: 0.1, HALF: 0.1 * share, BOTH: 0.1, LAST: 0.1}, {})
    refused = model.tuned()
    assert model.way == PLAIN and f"{share:.0%} of the time" in refused[str(HALF)]


def test_what_fails_is_left_and_it_is_told_why() -> None:
    model = Timed(manifest(), {PLAIN: 0.1, LAST: 0.05}, {})
    refused = model.tuned()
    assert model.way == LAST and "no such kernel" in refused[str(HALF)]


def test_tiles_are_the_same_to_the_bit_or_called_plainly() -> None:
    costs = {PLAIN: 0.1, HALF: 0.01, BOTH: 0.01, LAST: 0.01}
    model = Timed(manifest(tiled=True, picture=c.PictureOutput(shape=(3, 8, 8))), costs, {LAST: 1e-6})
    refused = model.tuned()
    assert model.way == PLAIN and "equal to the bit" in refused[str(LAST)] and HALF not in model.calls
    model.errors = {}
    model.tuned()
    assert model.way == LAST


def test_it_ends_in_time() -> None:
    model = Timed(manifest(), {PLAIN: 2.0, HALF: 0.1, BOTH: 0.1, LAST: 0.1}, {})
    refused = model.tuned(budget_s=10.0)
    assert model.way == PLAIN and all("no time left" in why for why in refused.values())
    assert model.now_s <= 10.0


def test_a_step_is_one_call_and_the_model_stays_as_it_was() -> None:
    model = Timed(manifest(), {PLAIN: 0.1, HALF: 0.05, BOTH: 0.2, LAST: 0.2}, {})
    tuning = Tuning(model, clock=lambda: model.now_s)
    before = 0
    while tuning.step():
        assert len(model.calls) == before + 1 and model.way == PLAIN
        before += 1
    assert model.way == HALF


# --- real models, each way beside its slow twin -------------------------------------------------------------


class Grows(nn.Module):
    """A small generator of pictures."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Linear(8, 32 * 16)
        self.middle = nn.Conv2d(32, 32, 3, padding=1)
        self.last = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = self.first(inputs["latent"]).reshape(1, 32, 4, 4)
        x = torch.relu(self.middle(nn.functional.interpolate(x, scale_factor=4.0)))
        return {"picture": torch.tanh(self.last(x))}


class Particular(nn.Module):
    """Goes on with float32 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 768)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = self.first(inputs["latent"])
        if x.dtype != torch.float32:
            raise ValueError("float32 was expected")
        return {"picture": x.reshape(3, 16, 16)}


@pytest.fixture(params=["torchscript", "exported"])
def grows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "torchscript":
        yield checkpoints.picture(Grows(), tmp_path / "a.pt")
    else:
        said = checkpoints.manifest({"latent": checkpoints.LATENT}, {"picture": checkpoints.PICTURE})
        yield checkpoints.save_exported(Grows(), ({"latent": torch.zeros(1, 8)},), tmp_path / "a.pt2", said)


WAYS = [
    pytest.param("cpu", HALF),
    pytest.param("cpu", LAST),
    pytest.param("cpu", BOTH),
    *(
        pytest.param("cuda", Way(half, last, graph), marks=gpu)
        for half in ("", "float16", "bfloat16")
        for last in (False, True)
        for graph in (False, True)
    ),
]


@pytest.mark.parametrize(("device", "way"), WAYS, ids=str)
def test_each_way_makes_what_the_plain_one_makes(grows: Path, device: str, way: Way) -> None:
    model = load(grows, device)
    for seed in range(5):
        inputs = sample_inputs(model.manifest, seed)
        plain = model.call_so(PLAIN, inputs, seed)
        fast = model.call_so(way, inputs, seed)
        assert fast["picture", ""].dtype == torch.float32
        found = differences(model.manifest, plain, fast)
        assert all(difference.allowed for difference in found), found
        assert not way.half or not plain["picture", ""].equal(fast["picture", ""])  # it was another way


def test_weights_come_back_from_channels_last_as_they_were(grows: Path) -> None:
    model = load(grows)
    inputs = sample_inputs(model.manifest, 1)
    before = model.call(inputs)["picture", ""]
    assert model.layout.changeable
    model.take(LAST)
    parameters = [p for p in model._program.parameters() if p.dim() == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in parameters)
    model.take(PLAIN)
    assert all(p.is_contiguous() for p in parameters) and model.call(inputs)["picture", ""].equal(before)


def test_a_way_that_fails_later_is_given_up_and_the_call_is_made_all_the_same(tmp_path: Path) -> None:
    model = load(checkpoints.picture(Particular(), tmp_path / "a.pt"))
    inputs = sample_inputs(model.manifest, 1)
    plain = model.call(inputs)
    model.take(HALF)
    assert model.call(inputs)["picture", ""].equal(plain["picture", ""])
    assert model.way == PLAIN and model.gave_up == HALF and "float32 was expected" in model.fell_back


def test_a_model_that_is_particular_is_tuned_without_harm(tmp_path: Path) -> None:
    model = load(checkpoints.picture(Particular(), tmp_path / "a.pt"))
    tuning = Tuning(model)
    while tuning.step():
        pass
    assert model.way == PLAIN
    assert [trial.way for trial in tuning.trials] == ["bfloat16"]  # it has no weights of images
    assert "float32 was expected" in tuning.trials[0].refused
    assert msgspec.json.decode(msgspec.json.encode(tuning.trials[0]))["way"] == "bfloat16"


class Draws(nn.Module):
    """Noise of its own."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.randn(3, 16, 16, device=inputs["latent"].device)}


class Waits(Grows):
    """Looks at a number before it goes on, which no capture can."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = self.first(inputs["latent"]).reshape(1, 32, 4, 4)
        if bool(x[0, 0, 0, 0] > 1e9):
            x = x * 0.5
        return {"picture": torch.tanh(self.last(nn.functional.interpolate(x, scale_factor=4.0)))}


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no CUDA device here")
def test_a_call_that_cannot_be_captured_goes_on_without(tmp_path: Path) -> None:
    model = load(checkpoints.picture(Waits(), tmp_path / "a.pt"), "cuda")
    inputs = sample_inputs(model.manifest, 1)
    plain = model.call(inputs)
    model.take(Way(graph=True))
    assert model.call(inputs)["picture", ""].equal(plain["picture", ""]) and model.fell_back
    assert model.call(inputs)["picture", ""].equal(plain["picture", ""])


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no CUDA device here")
def test_a_captured_call_draws_what_its_seed_says(tmp_path: Path) -> None:
    model = load(checkpoints.picture(Draws(), tmp_path / "a.pt"), "cuda")
    inputs = sample_inputs(model.manifest, 1)
    for seed in (1, 2, 1):
        plain = model.call_so(PLAIN, inputs, seed)["picture", ""]
        assert model.call_so(Way(graph=True), inputs, seed)["picture", ""].equal(plain)


# --- the logic around a capture, without a device to capture on ----------------------------------------------


def test_on_a_gpu_a_capture_is_tried_on_top_of_the_best_way() -> None:
    best, captured = Way("float16", channels_last=True), Way("float16", channels_last=True, graph=True)
    costs = dict.fromkeys((PLAIN, HALF, BOTH, LAST, Way("float16")), 0.1) | {best: 0.05, captured: 0.02}
    model = Timed(manifest(), costs, {captured: 0.5 / 255})
    model.device = "cuda:0"
    model.tuned()
    assert model.way == captured
    begun = model.calls.index(captured)
    assert set(model.calls[begun:]) == {best, captured}  # weights that moved would end the capture


@pytest.mark.parametrize("wrong", ["slow", "far", "impossible"])
def test_a_capture_that_is_no_gain_leaves_the_best_way(wrong: str) -> None:
    best, captured = Way("float16"), Way("float16", graph=True)
    costs = dict.fromkeys((PLAIN, HALF, BOTH, LAST, Way("float16", channels_last=True)), 0.1) | {best: 0.05}
    if wrong != "impossible":
        costs[captured] = 0.05 if wrong == "slow" else 0.01
    model = Timed(manifest(), costs, {captured: 9 / 255 if wrong == "far" else 0.0})
    model.device = "cuda:0"
    refused = model.tuned()
    assert model.way == best and refused[str(captured)]


class Replayed:
    """What `Captured` promises: memory of its own, which each call writes into."""

    made = 0

    def __init__(
        self, run: Callable[[dict[str, Tensor]], dict[str, Tensor]], inputs: Mapping[str, Tensor]
    ) -> None:
        Replayed.made += 1
        self._run, self._inputs = run, {name: tensor.clone() for name, tensor in inputs.items()}
        self._outputs = run(self._inputs)

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor)
        for name, tensor in self._run(self._inputs).items():
            self._outputs[name].copy_(tensor)
        return self._outputs


def test_a_call_is_captured_once_and_again_when_the_weights_have_moved(
    grows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "Captured", Replayed)
    monkeypatch.setattr(Replayed, "made", 0)
    model, way = load(grows), Way(graph=True)
    for seed in range(3):
        inputs = sample_inputs(model.manifest, seed)
        plain = model.call_so(PLAIN, inputs, seed)["picture", ""]
        assert model.call_so(way, inputs, seed)["picture", ""].equal(plain)
    assert Replayed.made == 1
    model.call_so(LAST, inputs)
    model.call_so(way, inputs)
    assert Replayed.made == 2
    model.take(way)
    model.call(inputs)
    assert Replayed.made == 2
    model.take(PLAIN)
    model.take(way)
    model.call(inputs)
    assert Replayed.made == 3  # what was not used any more had been let go
