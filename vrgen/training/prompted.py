"""Checkpoints that follow a prompt: a trained head sets what their sliders and labels set, and a little more.

Each wraps a trained generator as it is. Without a prompt (zeros) that is called with the inputs as they came, so
its results stay the same to the bit. With one, sliders move what the prompt says by as far as they stand off their
defaults, and a chosen label counts instead of the prompt's ground.
"""

import math

import torch
from torch import Tensor, nn

from vrgen.training.prompts_words import GROUNDS, SETTINGS, SIGNED

WIDTH = 384
HIDDEN = 96
NAMES = tuple(SETTINGS)
STEPS = 256.0
"""Settings are whole parts of this: the last bits of a sum must not move land."""


class Head(nn.Module):
    """An embedding (1, 384) of length 1 → settings in the order of `SETTINGS`, and shares of the grounds.

    The last share, of no ground in particular, is given to all of them.
    """

    signed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, HIDDEN)
        self.last = nn.Linear(HIDDEN, len(NAMES) + len(GROUNDS) + 1)
        self.drop = nn.Dropout(0.2)
        self.register_buffer("signed", torch.tensor([name in SIGNED for name in NAMES]))

    def forward(self, prompt: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 384) → settings (B, S), logits (B, G + 1)."""
        inner = self.drop(torch.nn.functional.gelu(self.first(prompt * 8.0)))
        told = self.last(inner)
        count = self.signed.shape[0]
        settings = torch.where(self.signed, torch.tanh(told[:, :count]), torch.sigmoid(told[:, :count]))
        return settings, told[:, count:]

    @torch.jit.export
    def settings(self, prompt: Tensor) -> Tensor:
        """(S,) of one prompt, in whole steps."""
        return torch.round(self.forward(prompt.reshape(1, 384).to(self.first.weight.dtype))[0][0] * 256.0) / 256.0

    @torch.jit.export
    def shares(self, prompt: Tensor) -> Tensor:
        """(1, G) of one prompt; what is hardly meant is left out, for the generator weighs by the logarithm."""
        logits = self.forward(prompt.reshape(1, 384).to(self.first.weight.dtype))[1]
        share = torch.softmax(2.5 * logits, dim=1)
        each = share[:, :-1] + share[:, -1:] / (share.shape[1] - 1)
        return each / each.sum()


def offset(said: Tensor, slider: Tensor, default: float) -> Tensor:
    """What the prompt says, moved by the slider."""
    return (said.to(slider.dtype) + (slider - default)).clamp(0.0, 1.0)


def prompt_of(inputs: dict[str, Tensor]) -> Tensor:
    """Zeros where a caller knows nothing of prompts."""
    return inputs["prompt"] if "prompt" in inputs else torch.zeros(1, 384)


def at(name: str) -> int:
    """The place of a setting."""
    return NAMES.index(name)


class PromptedSky(nn.Module):
    """The sky: daylight and clouds as sliders; mist, dark, warm or grey light by arithmetic on the panorama."""

    up: Tensor
    azimuth: Tensor

    def __init__(self, inner: torch.jit.ScriptModule, head: Head, height: int, width: int) -> None:
        super().__init__()
        self.inner = inner
        self.head = head
        self.daylight, self.clouds = at("daylight"), at("clouds")
        self.mist, self.dark = at("mist"), at("dark")
        self.warmth, self.grey = at("warmth"), at("grey")
        up = math.pi / 2 - (torch.arange(height) + 0.5) * (math.pi / height)
        self.register_buffer("up", up.reshape(1, 1, height, 1))
        self.register_buffer("azimuth", (torch.arange(width) + 0.5) * (2 * math.pi / width) - math.pi)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        prompt = prompt_of(inputs)
        mist = inputs["mist"].reshape(1) if "mist" in inputs else torch.zeros(1)
        plain = {"latent": inputs["latent"], "daylight": inputs["daylight"], "clouds": inputs["clouds"]}
        if not bool((prompt != 0).any()):
            sky = self.inner(plain)["sky"]
        else:
            said = self.head.settings(prompt)
            plain["daylight"] = offset(said[self.daylight].reshape(1), inputs["daylight"], 0.8)
            plain["clouds"] = offset(said[self.clouds].reshape(1), inputs["clouds"], 0.5)
            mist = offset(said[self.mist].reshape(1), mist, 0.0)
            sky = self.faced(self.inner(plain)["sky"], inputs["latent"], plain["daylight"])
            sky = self.graded(sky, said[self.dark], said[self.warmth], said[self.grey])
        if bool((mist > 0.02).any()):
            sky = self.veiled(sky, mist)
            return {"sky": sky, "fog": torch.exp(-4.2 * mist)}
        return {"sky": sky, "fog": torch.ones_like(mist)}

    def faced(self, sky: Tensor, latent: Tensor, daylight: Tensor) -> Tensor:
        """Turned so that a low sun's side lies ahead, within 60° by the latent, and a high one's behind."""
        half = sky.shape[2] // 2
        bright = sky[0, :, :half].clamp(max=20.0).mean(dim=(0, 1))
        bright = bright - bright.min()
        east, north = (bright * torch.sin(self.azimuth)).sum(), (bright * torch.cos(self.azimuth)).sum()
        behind = 2.3 * torch.sigmoid((daylight[0] - 0.6) * 25.0)
        wanted = 0.35 + 0.7 * torch.tanh(latent[0, 0] * 0.8) + behind
        turn = wanted - torch.atan2(east, north)
        return sky.roll(int(torch.round(turn / (2.0 * math.pi) * sky.shape[3]).item()), 3)

    def graded(self, sky: Tensor, dark: Tensor, warmth: Tensor, grey: Tensor) -> Tensor:
        """With less light, of another colour."""
        luminance = 0.2126 * sky[:, :1] + 0.7152 * sky[:, 1:2] + 0.0722 * sky[:, 2:]
        sky = torch.lerp(sky, luminance.expand_as(sky), grey.clamp(0.0, 1.0) * 0.9)
        # A low sun colours the sky the more, the nearer to the horizon.
        low = 0.55 + 1.1 * torch.exp(-self.up.abs() / 0.4) * warmth.clamp(min=0.0)
        gain = torch.cat([torch.exp(c * warmth * low) for c in (0.4, -0.15, -0.95)], dim=1)
        return sky * gain * torch.exp(-8.2 * dark)

    def veiled(self, sky: Tensor, mist: Tensor) -> Tensor:
        """Haze before the sky, thickest at the horizon: its colour is what the sky is on average there."""
        low = ((self.up > 0.0) & (self.up < 0.6)).to(sky.dtype)
        limited = torch.minimum(sky, 4.0 * (sky * low).mean(dim=(2, 3), keepdim=True) / low.mean())
        haze = (limited * low).mean(dim=(2, 3), keepdim=True) / low.mean()
        through = (1.0 - torch.exp(-4.0 * mist)) * torch.exp(-self.up.clamp(min=0.0) / (0.12 + 1.6 * mist * mist))
        return torch.lerp(sky, haze.expand_as(sky), through.clamp(0.0, 0.97))


class PromptedMaterials(nn.Module):
    """Grounds: a mixture of the eight, tinted."""

    def __init__(self, inner: torch.jit.ScriptModule, head: Head) -> None:
        super().__init__()
        self.inner = inner
        self.head = head
        self.red = at("red")

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        prompt, biome = prompt_of(inputs), inputs["biome"]
        plain = {"latent": inputs["latent"], "biome": biome}
        if not bool((prompt != 0).any()):
            return self.inner(plain)  # type: ignore[no-any-return]
        if not bool((biome > 0).any()):
            plain["biome"] = self.head.shares(prompt).to(biome.dtype)
        made = self.inner(plain)
        tint = self.head.settings(prompt)[self.red : self.red + 3]
        tint = tint * ((tint.norm() - 0.25) / 0.25).clamp(0.0, 1.0)  # less is none: words that name no colour
        gain = torch.exp(1.3 * tint).reshape(1, 3, 1, 1)
        linear = ((made["albedo"] + 1.0) * 0.5) ** 2.2 * gain.to(biome.dtype)
        made["albedo"] = (linear.clamp(0.0, 0.9) ** (1.0 / 2.2) * 2.0 - 1.0).clamp(-1.0, 1.0)
        return made  # type: ignore[no-any-return]


class PromptedLand(nn.Module):
    """Land: relief and roughness."""

    def __init__(self, inner: torch.jit.ScriptModule, head: Head) -> None:
        super().__init__()
        self.inner = inner
        self.head = head
        self.relief, self.roughness = at("relief"), at("roughness")

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        prompt = prompt_of(inputs)
        plain = {"latent": inputs["latent"], "tile": inputs["tile"]}
        plain["relief"], plain["roughness"] = inputs["relief"], inputs["roughness"]
        if bool((prompt != 0).any()):
            said = self.head.settings(prompt)
            plain["relief"] = offset(said[self.relief].reshape(1), inputs["relief"], 0.75)
            plain["roughness"] = offset(said[self.roughness].reshape(1), inputs["roughness"], 0.4)
        return self.inner(plain)  # type: ignore[no-any-return]


class PromptedRocks(nn.Module):
    """Rocks: flatness."""

    def __init__(self, inner: torch.jit.ScriptModule, head: Head) -> None:
        super().__init__()
        self.inner = inner
        self.head = head
        self.flatness = at("flatness")

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        prompt = prompt_of(inputs)
        plain = {"latent": inputs["latent"], "noise": inputs["noise"], "flatness": inputs["flatness"]}
        if bool((prompt != 0).any()):
            plain["flatness"] = offset(
                self.head.settings(prompt)[self.flatness].reshape(1), inputs["flatness"], 0.5
            )
        return self.inner(plain)  # type: ignore[no-any-return]
