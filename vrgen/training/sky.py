"""Skies: a generator of panoramas in which the light and the clouds are chosen apart.

An auto-decoder (Bojanowski et al. 2018; Park et al. 2019): every training picture owns two grids of
codes, one for its light and one for its clouds, learned together with the decoder that draws log
radiance from their sum. Latent and sliders choose among the grids by attention, softly. Training shows
the decoder any light with any clouds, and mixtures of both, so that a sample is seldom one of the
pictures.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

from vrgen.training import sky_data as data
from vrgen.training.export import export
from vrgen.training.sky_list import SKIES

LATENT = 64
STRIDE = 8
LIGHT, CLOUDS = 10, 30
"""Channels of the two code grids."""
LEARNING_RATE = 2e-3
CODE_RATE = 5e-3


def pad(x: Tensor) -> Tensor:
    """One row and column all round (B, C, H, W): over the zenith lies the sky of half a turn on."""
    above = x[:, :, :1].roll(x.shape[3] // 2, 3)
    x = torch.cat([above, x, x[:, :, -1:]], dim=2)
    return torch.cat([x[:, :, :, -1:], x, x[:, :, :, :1]], dim=3)


class Conv(nn.Module):
    """A 3 by 3 convolution on the sphere, followed by a leaky rectifier."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * (1.3 / (3 * inputs**0.5)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(pad(x), self.weight.to(x.dtype), self.bias.to(x.dtype))
        return F.leaky_relu(x, 0.2)


class Decoder(nn.Module):
    """Codes (B, 40, ROWS/8, 64) → log radiance (B, 3, ROWS, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.Sequential(Conv(LIGHT + CLOUDS, 112), Conv(112, 96))
        self.middle = nn.Sequential(Conv(96, 80), Conv(80, 64))
        self.fine = nn.Sequential(Conv(64, 48), Conv(48, 64))
        self.finest = Conv(16, 16)
        self.leave = nn.Parameter(torch.randn(3, 16, 3, 3) * 0.02)
        self.level = nn.Parameter(torch.zeros(3))
        self.wash = nn.Parameter(torch.eye(3, LIGHT + CLOUDS)[:, :, None, None].clone())

    def forward(self, codes: Tensor) -> Tensor:
        # A wash of colour, interpolated over the seam, that the layers add detail to.
        wash = F.conv2d(pad(codes), self.wash.to(codes.dtype))
        wash = F.interpolate(wash, scale_factor=8.0, mode="bilinear")[:, :, 8:-8, 8:-8]
        x = self.coarse(codes)
        x = self.middle(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.fine(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.finest(F.pixel_shuffle(x, 2))
        return wash + F.conv2d(pad(x), self.leave.to(x.dtype), self.level.to(x.dtype))


class Codes(nn.Module):
    """The pictures' code grids, mixed by weights (B, N) for the light and for the clouds."""

    def __init__(self, count: int) -> None:
        super().__init__()
        rows, columns = data.ROWS // STRIDE, data.WIDTH // STRIDE
        self.light = nn.Parameter(torch.randn(count, LIGHT, rows, columns) * 0.3)
        self.clouds = nn.Parameter(torch.randn(count, CLOUDS, rows, columns) * 0.3)

    @torch.no_grad()
    def begin(self, light: Tensor, clouds: Tensor) -> None:
        """Start from what a linear code of the pictures (N, 3, ROWS, WIDTH) can carry."""
        mean = F.avg_pool2d(light, STRIDE)
        self.light[:, :3] = mean
        for codes, first, pictures in ((self.light, 3, light), (self.clouds, 0, clouds)):
            blocks = F.pixel_unshuffle(pictures, STRIDE)
            if first:
                blocks = blocks - mean.repeat_interleave(STRIDE * STRIDE, dim=1)
            flat = blocks.movedim(1, -1).reshape(-1, blocks.shape[1])
            count = codes.shape[1] - first
            axes = torch.linalg.svd(flat[::7], full_matrices=False).Vh[:count]
            points = torch.einsum("nchw,kc->nkhw", blocks, axes)
            codes[:, first:] = points / points.std(dim=(0, 2, 3), keepdim=True).clamp(min=1e-3)

    def forward(self, light: Tensor, clouds: Tensor) -> Tensor:
        a = torch.einsum("bn,nchw->bchw", light, self.light.to(light.dtype))
        b = torch.einsum("bn,nchw->bchw", clouds, self.clouds.to(clouds.dtype))
        return torch.cat([a, b], dim=1)


class SkyModel(nn.Module):
    """The checkpoint: latent, daylight and clouds → the whole sphere's radiance (1, 3, 256, 512)."""

    keys: Tensor
    daylight: Tensor
    cover: Tensor
    suns: Tensor
    pole: Tensor
    depth: Tensor
    below: Tensor
    upward: Tensor
    azimuth: Tensor

    def __init__(
        self, codes: Codes, decoder: Decoder, suns: tuple[data.Sun, ...], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.codes = codes
        self.decoder = decoder
        self.sigma = data.SUN_SIGMA_RAD
        # A standard-normal latent scores every picture alike on average: a key is a random direction.
        keys = torch.randn(2 * len(suns) + 2, LATENT, generator=generator)
        self.register_buffer("keys", keys / keys.norm(dim=1, keepdim=True))
        self.register_buffer("daylight", torch.tensor([sky.daylight for sky in SKIES]))
        self.register_buffer("cover", torch.tensor([sky.clouds for sky in SKIES]))
        table = [[sun.peak, sun.elevation_rad, *sun.colour] for sun in suns]
        self.register_buffer("suns", torch.tensor(table))
        # Near the zenith a row is short: frequencies it cannot carry are removed.
        colatitude = (torch.arange(data.HEIGHT // 4) + 0.5) * (math.pi / data.HEIGHT)
        frequency = torch.arange(data.WIDTH // 2 + 1) / (data.WIDTH / 2)
        ratio = frequency[None] / torch.sin(colatitude)[:, None]
        self.register_buffer("pole", torch.exp(-0.5 * (0.9 * ratio) ** 4))
        far = torch.arange(data.HEIGHT - data.ROWS)[:, None] / 40.0
        self.register_buffer("depth", far)
        blur = torch.exp(-0.5 * (frequency[None] * (data.WIDTH / 2) * (0.05 + 0.25 * far)) ** 2)
        self.register_buffer("below", blur)
        row, column = torch.arange(data.HEIGHT) + 0.5, torch.arange(data.WIDTH) + 0.5
        self.register_buffer("upward", math.pi / 2 - math.pi / data.HEIGHT * row[:, None])
        self.register_buffer("azimuth", 2 * math.pi / data.WIDTH * column[None] - math.pi)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = inputs["latent"]
        kind = latent.dtype
        scores = F.linear(latent, self.keys.to(kind)) * 2.5
        count = self.daylight.shape[0]
        day = (inputs["daylight"].to(kind) - self.daylight.to(kind)) / 0.07
        cover = (inputs["clouds"].to(kind) - self.cover.to(kind)) / 0.15
        # Lights prefer one picture more strongly: between two, the glow of either sun would stay.
        light = torch.softmax(1.4 * scores[:, :count] - 0.5 * day * day, dim=1)
        clouds = torch.softmax(scores[:, count : 2 * count] - 0.5 * cover * cover, dim=1)
        log = self.decoder(self.codes(light, clouds))

        size = self.pole.shape[0]
        top = torch.fft.irfft(torch.fft.rfft(log[:, :, :size]) * self.pole.to(kind), n=512)
        horizon = torch.fft.rfft(log[:, :, -6:].mean(dim=2, keepdim=True))
        bottom = torch.fft.irfft(horizon * self.below.to(kind), n=512)
        bottom = bottom - 1.2 * (1.0 - torch.exp(-self.depth.to(kind)))
        sky = torch.cat([top, log[:, :, size:], bottom], dim=2).clamp(-7.0, 4.0).exp()
        sky = sky + self._disc(light, clouds)

        # Two directions of the latent turn the sky about the vertical.
        turn = torch.atan2(scores[0, 2 * count], scores[0, 2 * count + 1]) / (2.0 * math.pi)
        return {"sky": self._turned(sky, turn)}

    def _disc(self, light: Tensor, clouds: Tensor) -> Tensor:
        """The sun in the middle column, between those of the chosen pictures."""
        suns = self.suns.to(light.dtype)
        peaks = light[0] * suns[:, 0]
        peak = torch.expm1((light[0] * torch.log1p(suns[:, 0])).sum())
        share = (peaks + 1e-4 * light[0]) / (peaks + 1e-4 * light[0]).sum()
        elevation = (share * suns[:, 1]).sum()
        colour = (share[:, None] * suns[:, 2:]).sum(dim=0)
        through = 1.0 - (clouds[0] * self.cover.to(light.dtype) ** 4).sum()
        upward, azimuth = self.upward.to(light.dtype), self.azimuth.to(light.dtype)
        level = torch.cos(upward) * torch.cos(elevation) * torch.cos(azimuth)
        cosine = torch.sin(upward) * torch.sin(elevation) + level
        # near the sun the cosine is 1 - angle² / 2
        disc = torch.exp((cosine - 1.0) / self.sigma**2) * (upward > -0.02).to(light.dtype)
        return (peak * through * disc)[None, None] * colour[None, :, None, None]

    def _turned(self, sky: Tensor, turn: Tensor) -> Tensor:
        """Shifted along the longitude by a part of a turn, between two whole columns."""
        columns = turn * 512.0
        whole = int(torch.floor(columns).item())
        part = columns - torch.floor(columns)
        return torch.lerp(sky.roll(whole, 3), sky.roll(whole + 1, 3), part)


@dataclass
class Run:
    """What a training run carries from step to step, and into its file."""

    codes: Codes
    decoder: Decoder
    optimizer: torch.optim.Adam
    step: int = 0

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        parts = ("codes", "decoder", "optimizer")
        state = {name: getattr(self, name).state_dict() for name in parts}
        torch.save({**state, "step": self.step}, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("codes", "decoder", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]


def train(out: Path, cache: Path, seed: int = 0, seconds: float = 1800.0) -> None:
    """Train for `seconds`, going on from the last run with this seed, and write the checkpoint."""
    torch.manual_seed(seed)
    console = Console()
    skies = data.load(cache)
    run = start(len(skies.suns))
    light, clouds = torch.from_numpy(skies.light), torch.from_numpy(skies.clouds)
    run.codes.begin(light, clouds)
    progress = cache / f"sky-{seed}.state"
    if progress.exists():
        run.load(progress)
        console.print(f"going on from step {run.step}")
    begun = time.monotonic()
    shown, smooth = begun, 0.0
    while (elapsed := time.monotonic() - begun) < seconds:
        rate = min(1.0, 2.0 * (1.01 - elapsed / seconds))
        for group, most in zip(run.optimizer.param_groups, (LEARNING_RATE, CODE_RATE), strict=True):
            group["lr"] = most * rate
        loss = improve(run, light, clouds)
        smooth = loss if smooth == 0.0 else 0.98 * smooth + 0.02 * loss
        if time.monotonic() - shown > 30.0:
            shown = time.monotonic()
            console.print(f"{elapsed:6.0f} s  step {run.step}  loss {smooth:.4f}")
            run.save(progress)
    run.save(progress)
    write(run, skies.suns, out, seed)


def start(count: int) -> Run:
    """A run before its first step."""
    codes, decoder = Codes(count), Decoder()
    groups = [
        {"params": decoder.parameters(), "lr": LEARNING_RATE},
        {"params": codes.parameters(), "lr": CODE_RATE},
    ]
    return Run(codes, decoder, torch.optim.Adam(groups, betas=(0.9, 0.99)))


def improve(run: Run, light: Tensor, clouds: Tensor) -> float:
    """One step on one sky: a picture, a light with other clouds, or a mixture; returns the loss."""
    count = len(light)
    kind = float(torch.rand(()))
    a, b, c, d = torch.randint(count, (4,)).tolist()
    if kind < 0.4:
        b = a
    mix = float(torch.rand(())) if kind > 0.75 else 0.0
    of_light, of_clouds = torch.zeros(1, count), torch.zeros(1, count)
    of_light[0, a] += 1 - mix
    of_light[0, c] += mix
    of_clouds[0, b] += 1 - mix
    of_clouds[0, d] += mix
    wanted = torch.lerp(light[a], light[c], mix) + torch.lerp(clouds[b], clouds[d], mix)
    loss = distance(run.decoder(run.codes(of_light, of_clouds)), wanted[None])
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    run.optimizer.step()
    run.step += 1
    return float(loss.detach())


def distance(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean difference of log radiance, of its steps between neighbours, and of coarser versions."""
    difference = made - wanted
    total = difference.abs().mean()
    for _ in range(3):
        along = difference[..., 1:] - difference[..., :-1]
        down = difference[..., 1:, :] - difference[..., :-1, :]
        total = total + along.abs().mean() + down.abs().mean()
        difference = F.avg_pool2d(difference, 2)
    return total


def write(run: Run, suns: tuple[data.Sun, ...], out: Path, seed: int) -> None:
    """Write the checkpoint, its weights as float16 on disk."""
    generator = torch.Generator().manual_seed(seed)
    model = SkyModel(run.codes, run.decoder, suns, generator)
    model.codes.half()
    model.decoder.half()
    slider = {"kind": "slider", "shape": [1], "range": [0, 1]}
    manifest: dict[str, object] = {
        "vrgen": 1,
        "name": "skies",
        "version": "1.0.0",
        "license": "CC-BY-3.0",
        "description": "Skies from night to noon and from clear to stormy",
        "inputs": {
            "latent": {
                "kind": "latent",
                "shape": [1, LATENT],
                "prior": "normal",
                "label": "Variation",
                "description": "Which light, which clouds, and where the sun stands",
            },
            "daylight": {
                **slider,
                "default": 0.8,
                "label": "Daylight",
                "description": "From night through dusk to full day",
            },
            "clouds": {
                **slider,
                "default": 0.5,
                "label": "Clouds",
                "description": "From a clear sky to a stormy one",
            },
        },
        "outputs": {
            "sky": {
                "kind": "panorama",
                "shape": [1, 3, data.HEIGHT, data.WIDTH],
                "range": "linear",
                "label": "Sky",
                "description": "Linear radiance; the middle column looks to -Z, the top row up",
            },
        },
    }
    example = {
        "latent": torch.randn(1, LATENT, generator=generator),
        "daylight": torch.tensor([0.8]),
        "clouds": torch.tensor([0.5]),
    }
    export(model, manifest, out, example)
