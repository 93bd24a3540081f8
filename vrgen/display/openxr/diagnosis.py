"""What keeps a headset away, or what it goes without: findings for `vrgen doctor`, each with what mends it.

The runtime is only ever talked to in child processes (examination.py). Where one dies or the instance is refused
while third-party layers are on, it is asked again without them, and then without each, until the one is found.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from vrgen.display.openxr.api_layers import EXPLICIT, ApiLayer, implicit_layers
from vrgen.display.openxr.examination import SILENT, STEPS, Facts, Step, facts_of
from vrgen.display.openxr.known import (
    MIXED_REALITY,
    Known,
    how_to_activate,
    named,
    to_set,
    to_unset,
)
from vrgen.display.openxr.profiles import profile_of
from vrgen.display.openxr.registration import Registration, places, registered
from vrgen.findings import Finding

PATIENCE_S = 12.0
"""For the runtime's whole examination, of which an idle machine needs two; SteamVR may take longer while it
starts."""
_NOT_THE_LAYERS = ("ERROR_RUNTIME_UNAVAILABLE", "ERROR_FORM_FACTOR_UNAVAILABLE", "ERROR_FORM_FACTOR_UNSUPPORTED")


def examine() -> tuple[Finding, ...]:
    """The runtime, the layers, the headset and its controllers; some seconds long."""
    registration = registered()
    layers = implicit_layers()
    if (missing := _unusable(registration)) is not None or registration is None:
        found = Finding("headset", "note", "no runtime that could have one", "see openxr")
        return (missing or _not_registered(), *_of_layers(layers), found)
    known = named(registration)
    facts = facts_of(os.environ, "leaving", PATIENCE_S)
    accused: tuple[Finding, ...] = ()
    if not facts.answers and facts.result not in _NOT_THE_LAYERS:
        accused, facts = _search(facts, _suspects(layers))
    return (
        of_runtime(registration, known, facts),
        *accused,
        *_of_layers(layers),
        *of_headset(facts, known),
    )


# --- the registration -------------------------------------------------------------------------------------


def _not_registered() -> Finding:
    links = [str(path) for path in places() if path.is_symlink() and not path.exists()]
    dead = f" ({links[0]} is a link to what is not there)" if links else ""
    return Finding("openxr", "note", f"no OpenXR runtime is registered{dead}", how_to_activate())


def _unusable(registration: Registration | None) -> Finding | None:
    """What is wrong with what is registered, as far as files say."""
    if registration is None:
        return _not_registered()
    manifest, library = registration.manifest, registration.library
    again = how_to_activate()
    if registration.by == "XR_RUNTIME_JSON":
        again = f"{to_unset('XR_RUNTIME_JSON')}, or let it name a runtime's manifest"
    if not manifest.exists():
        return Finding("openxr", "note", f"{registration.by} names {manifest}, which is not there", again)
    if library is None:
        return Finding(
            "openxr", "note", f"{manifest}, named by {registration.by}, is no manifest of a runtime", again
        )
    if library.is_absolute() and not library.exists():
        return Finding(
            "openxr",
            "note",
            f"{manifest} names the library {library}, which is not there",
            f"reinstall {named(registration).name}, or {again}",
        )
    return None


def of_runtime(registration: Registration, known: Known, facts: Facts) -> Finding:
    by = "" if registration.by == str(registration.manifest) else f" by {registration.by}"
    where = f"registered{by}: {registration.manifest}"
    if not facts.opengl:
        mixed = " (Mixed Reality never will)" if known is MIXED_REALITY else ""
        return Finding(
            "openxr",
            "note",
            f"{known.name} takes no OpenGL{mixed}; {where}",
            f"take another one: {how_to_activate()}",
        )
    if not facts.runtime:
        return Finding("openxr", "ok", f"{known.name}, {where}")
    version = ".".join(map(str, facts.version))
    return Finding("openxr", "ok", f"{facts.runtime}, OpenXR {version}, takes OpenGL; {where}")


# --- the layers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Suspect:
    """Something that can be left out by the environment."""

    name: str
    variable: str
    value: str
    remedy: str

    def out_of(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {**environment, self.variable: self.value}


def _suspects(layers: tuple[ApiLayer, ...]) -> list[_Suspect]:
    suspects = [
        _Suspect(f"{each.name} ({each.manifest})", each.switch, "1", f"{to_set(each.switch)}, or uninstall it")
        for each in layers
        if each.is_on
    ]
    if os.environ.get(EXPLICIT):
        suspects.append(_Suspect(f"{EXPLICIT}={os.environ[EXPLICIT]}", EXPLICIT, "", to_unset(EXPLICIT)))
    return suspects


def _search(facts: Facts, suspects: list[_Suspect]) -> tuple[tuple[Finding, ...], Facts]:
    """Who of the suspects is at fault, and the facts without them; nobody and the same facts if none is."""
    if not suspects:
        return (), facts
    bare = _without(suspects)
    healed = facts_of(bare, "leaving", PATIENCE_S)
    if not _further(healed, facts):
        return (), facts
    if facts.died.startswith(SILENT) and _further(again := facts_of(os.environ, "leaving", PATIENCE_S), facts):
        return (), again  # it was only slow
    guilty = []
    for each in suspects:
        alone = facts_of(_without([other for other in suspects if other is not each]), facts.step, PATIENCE_S)
        if not _further(healed, alone):
            continue
        guilty.append(_accusation(each.name, alone, each.remedy))
    if not guilty:  # none does it alone
        names, remedies = (
            " and ".join(each.name for each in suspects),
            "; or ".join(each.remedy for each in suspects),
        )
        guilty = [_accusation(f"{names}, together", facts, remedies)]
    return tuple(guilty), healed


def _without(suspects: list[_Suspect]) -> dict[str, str]:
    environment = dict(os.environ)
    for each in suspects:
        environment = each.out_of(environment)
    return environment


def _accusation(who: str, facts: Facts, remedy: str) -> Finding:
    return Finding("api layer", "note", f"{who}: {_trouble(facts)}; without it this goes well", remedy)


def _further(other: Facts, facts: Facts) -> bool:
    """Whether another examination got past what stopped this one."""
    here, there = STEPS.index(facts.step), STEPS.index(other.step)
    return other.done and (there > here or (there == here and (not other.error or other.error != facts.error)))


def _of_layers(layers: tuple[ApiLayer, ...]) -> tuple[Finding, ...]:
    """What is installed: the healthy in one line, and one for each that the loader passes by."""
    named_on = [f"{each.name} ({each.manifest}; off with {each.switch}=1)" for each in layers if each.is_on]
    named_off = [f"{each.name} (off: {each.off})" for each in layers if each.off]
    if os.environ.get(EXPLICIT):
        named_on.append(f"{EXPLICIT}={os.environ[EXPLICIT]}")
    broken = tuple(
        Finding(
            "api layer",
            "note",
            f"{each.name}: {each.trouble}, so that it is left out",
            f"reinstall it, or delete {each.manifest}",
        )
        for each in layers
        if each.trouble and not each.off
    )
    return (Finding("api layers", "ok", "; ".join(named_on + named_off) or "none"), *broken)


# --- the headset ------------------------------------------------------------------------------------------

_WHEN: dict[Step, str] = {
    "window": "when a hidden window is opened",
    "loading": "when the runtime is loaded",
    "instance": "when the runtime is connected to",
    "session": "when a session with the headset is made",
    "frames": "when frames are shown",
    "leaving": "when the session is left",
}


def _trouble(facts: Facts) -> str:
    """What went wrong and when, without its remedy."""
    if facts.died:
        who = "nothing comes back" if facts.died.startswith(SILENT) else "the program"
        return f"{who} {facts.died.removeprefix(SILENT).strip()} {_WHEN[facts.step]}"
    return facts.error.partition("; ")[0]


def of_headset(facts: Facts, known: Known) -> tuple[Finding, ...]:
    """Whether it answers, what it is, what it goes without, and what is in the hands."""
    if not facts.opengl:
        return (Finding("headset", "note", "it can't be drawn for without OpenGL", "see openxr"),)
    if not facts.answers:
        return (_no_headset(facts, known),)
    sizes = f"{facts.size_px[0]} × {facts.size_px[1]} an eye"
    rates = ", ".join(f"{rate:.0f}" for rate in facts.rates_hz or (facts.rate_hz,) if rate)
    offered = {
        "depth layer": facts.depth,
        "visibility mask": facts.mask,
        "bare hands": facts.hands,
        "eye gaze": facts.gaze,
        "sRGB": facts.srgb,
        "measured floor (STAGE)": "STAGE" in facts.spaces,
        "LOCAL_FLOOR": "LOCAL_FLOOR" in facts.spaces,
    }
    has = ", ".join(name for name, there in offered.items() if there)
    lacks = ", ".join(name for name, there in offered.items() if not there)
    found = f"{facts.headset}, {sizes}{f', {rates} Hz' if rates else ''}, drawn by {facts.gl}; has {has}"
    findings = [Finding("headset", "ok", found + (f"; lacks {lacks}" if lacks else ""))]
    for note in facts.notes:
        said, _, remedy = note.rpartition("; ")
        findings.append(Finding("headset", "note", said or note, remedy if said else ""))
    return (*findings, _of_hands(facts))


def _no_headset(facts: Facts, known: Known) -> Finding:
    """Why none answers, in a sentence for people, with what starts the runtime at hand."""
    start = known.start
    if facts.died:
        remedy = f"if {known.name} is only starting, ask again; otherwise restart it: {start}"
        return Finding("headset", "note", _trouble(facts), remedy)
    match facts.result:
        case "ERROR_FORM_FACTOR_UNAVAILABLE":
            found, remedy = f"{known.name} answers, but sees no headset", "plug it in, switch it on and wake it up"
        case "ERROR_RUNTIME_UNAVAILABLE":
            found, remedy = f"{known.name} can't be loaded", f"{start}, or reinstall it"
        case "ERROR_RUNTIME_FAILURE" | "ERROR_INITIALIZATION_FAILED" | "ERROR_INSTANCE_LOST":
            found, remedy = f"{known.name} does not run ({facts.result})", start
        case _:
            found, _, remedy = facts.error.partition("; ")
            remedy = remedy.replace("run vrgen doctor, ", "")
    return Finding("headset", "note", found, remedy)


_ASLEEP = ("UNKNOWN", "IDLE", "READY", "SYNCHRONIZED")


def _of_hands(facts: Facts) -> Finding:
    """Which controllers answer, or why none can be told."""
    names = {
        side: known.name if (known := profile_of(path)) is not None else path
        for side, path in facts.profiles.items()
    }
    if len(names) == 2:
        return Finding("controllers", "ok", f"left {names['left']}, right {names['right']}")
    last = facts.states[-1] if facts.states else "IDLE"
    if last in _ASLEEP and not names:
        return Finding(
            "controllers",
            "note",
            f"not to be told while the headset is asleep (its session is {last})",
            "put the headset on, or cover the sensor between its lenses, and ask again",
        )
    if last == "VISIBLE" and not names:
        return Finding(
            "controllers",
            "note",
            "not to be told while the runtime's own menu has them",
            "close the menu, ask again",
        )
    bare = "; bare hands work too" if facts.hands else "; the keyboard works too"
    if not names:
        return Finding("controllers", "note", f"neither answers{bare}", "switch them on")
    ((side, name),) = names.items()
    other = "right" if side == "left" else "left"
    return Finding(
        "controllers", "note", f"only the {side} one answers ({name}){bare}", f"switch the {other} one on"
    )
