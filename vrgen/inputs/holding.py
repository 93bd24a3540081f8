"""Which names `--hold` takes: the keys and buttons of the bindings, one at a time."""

from vrgen.errors import UsageError, did_you_mean
from vrgen.inputs.bindings import BINDINGS, MODIFIERS

_MOTIONS = ("walk", "run", "jump")
"""Bindings without an action whose keys are keys (the others are motions of the mouse)."""


def holdable() -> tuple[str, ...]:
    """Every key and button that does something when it is held, walking first."""
    names: list[str] = []
    for binding in BINDINGS:
        if binding.action is not None or binding.does in _MOTIONS:
            names += [part for key in binding.keys for part in key.split("+") if part not in MODIFIERS]
            names += [button for button in binding.pad if button.startswith("pad.")]
    names += [f"{side} {word}" for word in MODIFIERS for side in ("left", "right")]
    return tuple(dict.fromkeys(names))


def require_holdable(names: tuple[str, ...]) -> None:
    """Refuse keys that nothing listens to.

    Raises:
        UsageError: the first of them.
    """
    known = holdable()
    for name in names:
        if name not in known:
            remedy = did_you_mean(name, known)
            if not remedy.startswith("did you") and len(name) > 1:  # every word after --hold is taken for a key
                remedy += "; what is to be run, put it before --hold"
            raise UsageError(f"--hold {name}: no such key; {remedy}")
