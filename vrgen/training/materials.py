"""Ground materials that tile: a generator of colour, relief and roughness for named biomes.

An auto-encoder learns to draw six channels (colour, slopes, gloss) from a grid of codes a quarter of
the size; all its convolutions wrap round. The checkpoint keeps the decoder and the codes of the
training textures. Latent and biome choose among them by attention, softly and differently from place
to place, so that a sample is a patchwork of a biome's grounds that changes smoothly with the latent;
training shows the decoder such patchworks.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

from vrgen.training import materials_data as data
from vrgen.training.export import export
from vrgen.training.features import (
    PhotoFeatures,
    cloud_distance,
    feature_distance,
    patch_clouds,
)

LATENT = 64
SIZE = data.SIZE
METRES = 5.0
STRIDE = 4
GRID = SIZE // STRIDE
CODE = 12
"""Channels of a code; there are GRID by GRID codes for a texture."""
LIMIT, STEPS = 4.0, 31.0
"""Codes lie within ±LIMIT and are kept in steps of 1 / STEPS, as int8."""
FIELDS = 6
"""Smooth fields that say where in the picture which texture is preferred."""
CROP = 128
BATCH = 2
LEARNING_RATE = 1e-3
STRAIGHT = 0.05


class Conv(nn.Module):
    """A 3 by 3 convolution on the torus, followed by a leaky rectifier."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * (1.3 / (3 * inputs**0.5)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="circular")
        x = F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype))
        return F.leaky_relu(x, 0.2)


class Encoder(nn.Module):
    """Textures (B, 6, S, S) → codes (B, CODE, S/4, S/4), mostly within ±4; not in the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.PixelUnshuffle(STRIDE), Conv(96, 64), Conv(64, 64))
        self.leave = nn.Conv2d(64, CODE, 1)
        self.straight = nn.Conv2d(6 * STRIDE**2, CODE, 1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.leave(self.layers(x)) + self.straight(F.pixel_unshuffle(x, STRIDE))
        codes = LIMIT * torch.tanh(codes / LIMIT)
        # The file keeps whole steps; the gradient passes as if it did not.
        return codes + (torch.round(codes * STEPS) / STEPS - codes).detach()


class Decoder(nn.Module):
    """Codes (B, CODE, G, G) and grain (B, 2, 2G, 2G) → the six channels (B, 6, 4G, 4G)."""

    def __init__(self) -> None:
        super().__init__()
        self.straight = nn.Parameter(torch.zeros(6 * STRIDE**2, CODE, 1, 1))
        self.mean = nn.Parameter(torch.zeros(6 * STRIDE**2))
        self.coarse = nn.Sequential(Conv(CODE, 80), Conv(80, 80), Conv(80, 144))
        self.fine = nn.Sequential(Conv(38, 48), Conv(48, 64))
        self.finest = Conv(16, 16)
        self.leave = nn.Parameter(torch.randn(6, 16, 3, 3) * 0.01)

    def forward(self, codes: Tensor, grain: Tensor) -> Tensor:
        blocks = F.conv2d(codes, self.straight.to(codes.dtype), self.mean.to(codes.dtype))
        x = F.pixel_shuffle(self.coarse(codes), 2)
        x = self.fine(torch.cat([x, grain], dim=1))
        x = F.pad(self.finest(F.pixel_shuffle(x, 2)), (1, 1, 1, 1), mode="circular")
        return F.pixel_shuffle(blocks, 4) + F.conv2d(x, self.leave.to(x.dtype))


@torch.no_grad()
def begin(encoder: Encoder, decoder: Decoder, textures: Tensor) -> None:
    """Start from the principal components of the textures' (N, 6, S, S) blocks of 4 by 4.

    What counts is weighed first: a little hue shows more than a little slope.
    """
    weigh = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.4, 0.4, 0.25]))
    weigh[:3, :3] = torch.tensor([[0.4, 0.5, 0.1], [2.5, -2.5, 0.0], [0.0, -2.5, 2.5]])
    weighed = torch.einsum("wc,ncyx->nwyx", weigh, textures)
    blocks = F.pixel_unshuffle(weighed, STRIDE).movedim(1, -1).flatten(0, 2)
    mean = blocks.mean(dim=0)
    axes = torch.linalg.svd((blocks - mean)[::29], full_matrices=False).Vh[:CODE]
    spread = ((blocks - mean) @ axes.t()).std(dim=0)
    pixels = STRIDE**2
    forth = torch.kron(weigh, torch.eye(pixels))
    back = torch.kron(torch.linalg.inv(weigh).contiguous(), torch.eye(pixels))
    encoder.straight.weight.copy_(((axes @ forth) / spread[:, None])[:, :, None, None])
    encoder.straight.bias.copy_(-(axes @ mean) / spread)  # type: ignore[union-attr]
    decoder.straight.copy_((back @ (axes * spread[:, None]).t())[:, :, None, None])
    decoder.mean.copy_(back @ mean)


class Materials(nn.Module):
    """The checkpoint: latent and biome → albedo, normal and roughness (see the contract)."""

    codes: Tensor
    member: Tensor
    keys: Tensor
    spread: Tensor
    field: Tensor
    wave: Tensor
    grain: Tensor

    def __init__(self, decoder: Decoder, codes: Tensor, biomes: Tensor, generator: torch.Generator) -> None:
        """`codes`: (N, CODE, GRID, GRID), kept as whole steps; `biomes`: (N,) int64."""
        super().__init__()
        self.decoder = decoder
        self.register_buffer("codes", torch.round(codes * STEPS).to(torch.int8))
        self.register_buffer("member", F.one_hot(biomes, len(data.LABELS)).float())
        # A standard-normal latent scores every texture alike on average: a key is a random direction.
        keys = torch.randn(len(biomes), LATENT, generator=generator)
        self.register_buffer("keys", keys / keys.norm(dim=1, keepdim=True))
        spread = torch.randn(FIELDS * 16, LATENT, generator=generator) / LATENT**0.5
        self.register_buffer("spread", spread)
        which = torch.arange(len(biomes)) % FIELDS
        self.register_buffer("field", F.one_hot(which, FIELDS).float())
        self.register_buffer("wave", _wave())
        self.register_buffer("grain", torch.randn(1, 2, GRID * 2, GRID * 2, generator=generator))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = inputs["latent"]
        kind = latent.dtype
        share = F.linear(inputs["biome"].to(kind).clamp(min=0.0), self.member.to(kind))
        scores = F.linear(latent, self.keys.to(kind)) * 3.0 + torch.log(share + 1e-12)
        # Smooth random fields on the torus: 4 by 4 values through a periodic interpolation.
        wave = self.wave.to(kind)
        knots = F.linear(latent, self.spread.to(kind)).view(-1, 4, 4)
        fields = wave @ knots @ wave.t()
        local = torch.einsum("nf,fhw->nhw", self.field.to(kind), fields)
        weights = torch.softmax(scores[0, :, None, None] + 1.0 * local, dim=0)
        # The structure changes from place to place; the colour does not, or every repeat would show.
        grounds = self.codes.to(kind) / 31.0
        level = grounds.mean(dim=(2, 3), keepdim=True)
        codes = torch.einsum("nhw,nchw->chw", weights, grounds - level)
        codes = codes + torch.einsum("n,nchw->chw", weights.mean(dim=(1, 2)), level)
        made = self.decoder(codes[None], self.grain.to(kind))
        # Steeper than decoded: the codes keep the wide slopes and lose half of the fine ones.
        slopes = made[:, 3:5] * (0.5 * 1.5)
        up = torch.ones_like(slopes[:, :1])
        gloss = (made[:, 5:6] * 0.5 + 0.5).clamp(0.0, 1.0)
        return {
            "albedo": made[:, :3].clamp(-1.0, 1.0),
            "normal": F.normalize(torch.cat([slopes, up], dim=1), dim=1),
            "roughness": (0.95 - 0.6 * gloss).clamp(0.0, 1.0),
        }


def _wave() -> Tensor:
    """(GRID, 4): weights of four knots on a circle at each of GRID places, smooth and periodic."""
    place = torch.arange(GRID)[:, None] * (4 / GRID) - torch.arange(4)[None]
    apart = torch.remainder(place + 2, 4) - 2
    weights = torch.exp(-0.5 * (apart / 0.55) ** 2)
    return weights / weights.square().sum(dim=1, keepdim=True).sqrt()


@dataclass
class Run:
    """What a training run carries from step to step, and into its file."""

    encoder: Encoder
    decoder: Decoder
    optimizer: torch.optim.Adam
    step: int = 0

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        parts = ("encoder", "decoder", "optimizer")
        state = {name: getattr(self, name).state_dict() for name in parts}
        torch.save({**state, "step": self.step}, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("encoder", "decoder", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]


def train(out: Path, cache: Path, seed: int = 0, seconds: float = 1800.0) -> None:
    """Train for `seconds`, going on from the last run with this seed, and write the checkpoint."""
    torch.manual_seed(seed)
    console = Console()
    grounds = data.load(cache)
    textures = torch.stack([torch.from_numpy(ground.pixels) for ground in grounds])
    run = start()
    begin(run.encoder, run.decoder, textures)
    progress = cache / f"materials-{seed}.state"
    if progress.exists():
        run.load(progress)
        console.print(f"going on from step {run.step}")
    features = PhotoFeatures(cache)
    begun = time.monotonic()
    shown, smooth = begun, 0.0
    while (elapsed := time.monotonic() - begun) < seconds:
        rate = LEARNING_RATE * min(1.0, 2.0 * (1.01 - elapsed / seconds))
        for group, share in zip(run.optimizer.param_groups, (1.0, STRAIGHT), strict=True):
            group["lr"] = rate * share
        loss = improve(run, textures, features)
        smooth = loss if smooth == 0.0 else 0.98 * smooth + 0.02 * loss
        if time.monotonic() - shown > 30.0:
            shown = time.monotonic()
            console.print(f"{elapsed:6.0f} s  step {run.step}  loss {smooth:.4f}")
            run.save(progress)
    run.save(progress)
    write(run, grounds, out, seed)


def start() -> Run:
    """A run before its first step."""
    encoder, decoder = Encoder(), Decoder()
    # The straight path sums hundreds of pixels into each code: it is tuned with small steps.
    both = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    straight = [value for name, value in both.named_parameters() if "straight" in name]
    others = [value for name, value in both.named_parameters() if "straight" not in name]
    groups: list[dict[str, Any]] = [{"params": others}, {"params": straight, "lr": LEARNING_RATE * STRAIGHT}]
    return Run(encoder, decoder, torch.optim.Adam(groups, LEARNING_RATE, (0.9, 0.99)))


def improve(run: Run, textures: Tensor, features: PhotoFeatures) -> float:
    """One step on crops of textures, half of them patchworks of two; returns the loss."""
    wanted = _crops(textures)
    codes = run.encoder(wanted)
    if float(torch.rand(())) < 0.5:
        side = CROP // STRIDE
        knots = torch.randn(BATCH, 1, 4, 4) + torch.randn(BATCH, 1, 1, 1)
        mask = torch.sigmoid(3.0 * F.interpolate(knots, size=(side, side), mode="bicubic"))
        other = _crops(textures)
        codes = torch.lerp(codes, run.encoder(other), mask)
        wanted = torch.lerp(wanted, other, F.interpolate(mask, size=(CROP, CROP), mode="bilinear"))
    made = run.decoder(codes, torch.randn(BATCH, 2, CROP // 2, CROP // 2))
    loss = distance(made, wanted, features, run.step)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([*run.encoder.parameters(), *run.decoder.parameters()], 0.5)
    run.optimizer.step()
    run.step += 1
    return float(loss.detach())


def _crops(textures: Tensor) -> Tensor:
    """Random windows (BATCH, 6, CROP, CROP) of random textures, which wrap round."""
    crops = []
    for _ in range(BATCH):
        index, top, left = (int(torch.randint(most, ())) for most in (len(textures), SIZE, SIZE))
        crops.append(textures[index].roll((top, left), (1, 2))[:, :CROP, :CROP])
    return torch.stack(crops)


def distance(made: Tensor, wanted: Tensor, features: PhotoFeatures, step: int) -> Tensor:
    """Difference pixel by pixel and, against blur, of patch statistics and network features."""
    # The crops do not wrap round: what lies within the reach of their edges does not count.
    inner = slice(16, CROP - 16)
    made, wanted = made[..., inner, inner], wanted[..., inner, inner]
    weight = torch.tensor([1.0, 1.0, 1.0, 0.7, 0.7, 0.4])[:, None, None]
    total = torch.zeros(())
    difference = (made - wanted) * weight
    # Steps between neighbours count too, or the 4 by 4 blocks of the codes would show.
    steps = [difference[..., 1:] - difference[..., :-1], difference[..., 1:, :] - difference[..., :-1, :]]
    total = total + 0.5 * (steps[0].abs().mean() + steps[1].abs().mean())
    for _ in range(3):
        total = total + difference.abs().mean()
        difference = F.avg_pool2d(difference, 2)
    clouds = []
    for picture in (made, wanted):
        generator = torch.Generator().manual_seed(step)
        clouds.append(patch_clouds(picture, 1, 24, 5, generator))
    total = total + 0.5 * cloud_distance(clouds[0], clouds[1])
    with torch.no_grad():
        target = features(wanted[:, :3])
    return total + 0.1 * feature_distance(features(made[:, :3]), target)


def write(run: Run, grounds: list[data.Ground], out: Path, seed: int) -> None:
    """Write the checkpoint: weights as float16, codes as int8."""
    with torch.no_grad():
        codes = [run.encoder(torch.from_numpy(ground.pixels)[None]) for ground in grounds]
    biomes = torch.tensor([ground.biome for ground in grounds])
    generator = torch.Generator().manual_seed(seed)
    module = Materials(run.decoder, torch.cat(codes), biomes, generator)
    module.decoder.half()
    module.grain = module.grain.half()
    labels = list(data.LABELS)
    texture = {"kind": "texture", "surface": "ground", "metres": METRES}
    manifest: dict[str, object] = {
        "vrgen": 1,
        "name": "grounds",
        "version": "1.0.0",
        "license": "CC-BY-SA-3.0",
        "description": "Natural grounds that tile, learned from the terrain textures of 0 A.D.",
        "inputs": {
            "latent": {
                "kind": "latent",
                "shape": [1, LATENT],
                "prior": "normal",
                "label": "Variation",
                "description": "Which of a biome's grounds, or what between them",
            },
            "biome": {
                "kind": "label",
                "shape": [1, len(labels)],
                "labels": labels,
                "label": "Ground",
                "description": "What the ground is made of",
            },
        },
        "outputs": {
            "albedo": {
                **texture,
                "shape": [1, 3, SIZE, SIZE],
                "role": "albedo",
                "range": [-1, 1],
                "label": "Colour",
                "description": "sRGB",
            },
            "normal": {
                **texture,
                "shape": [1, 3, SIZE, SIZE],
                "role": "normal",
                "range": [-1, 1],
                "label": "Relief",
                "description": "Unit vectors: +X right, +Y up, +Z out of the surface",
            },
            "roughness": {
                **texture,
                "shape": [1, 1, SIZE, SIZE],
                "role": "roughness",
                "range": [0, 1],
                "label": "Roughness",
                "description": "From the gloss of the specular maps",
            },
        },
    }
    biome = torch.zeros(1, len(labels))
    biome[0, 0] = 1.0
    example = {"latent": torch.zeros(1, LATENT), "biome": biome}
    export(module, manifest, out, example)
