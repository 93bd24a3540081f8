"""From pictures, panoramas, heights or meshes, wherever from, to a dataset: read, sort out, cut, split, write."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vrgen.errors import UsageError
from vrgen.training.bodies import Body
from vrgen.training.cutting import Plan, from_heights, from_material, from_picture
from vrgen.training.dataset import About, DatasetError, Item, Skipped
from vrgen.training.duplicates import Seen, SeenBodies, print_of
from vrgen.training.reading import Material, Picture, Unreadable
from vrgen.training.resizing import Array
from vrgen.training.writing import Pixels, Writer

Embed = Callable[[str], Array]
"""A text's embedding (1, D)."""

FEWEST = 2
"""Pictures: one to learn from and one to judge by."""


@dataclass(frozen=True)
class Found:
    """What a candidate's file holds: its digest, and a picture, a material, a body or heights (H, W) in metres."""

    sha256: str
    content: Picture | Material | Body | Array


class Taken(NamedTuple):
    """What is told of an item besides what its candidate says."""

    sha256: str
    mended: str
    apart: float | None


@dataclass(frozen=True)
class Candidate:
    """A file that may go into a dataset; `read` opens it, and raises Unreadable where that fails."""

    file: str
    read: Callable[[], Found]
    source: str
    licence: str
    label: str | None = None
    text: str | None = None
    group: str = ""
    """Candidates of one group go into one split; by default each is its own."""
    keep: Callable[[Pixels], bool] = field(default=lambda _: True)
    """Which of its windows are wanted."""


@dataclass(frozen=True)
class Order:
    """What is asked for besides the shape of the items."""

    name: str
    plan: Plan
    heldout: float = 0.1
    seed: int = 0
    near_duplicates: bool = True
    """Whether pictures that only look the same are dropped; recoloured siblings are kept in any case."""
    encoder: str = ""
    embed: Embed | None = None
    """The text encoder by name, and what embeds by it; used where every item has a text."""


def prepare(candidates: Sequence[Candidate], order: Order, out: Path, where: str) -> About:
    """Write the dataset to `out`; return what its `dataset.json` says. `where`: what the candidates are called.

    Raises:
        UsageError: `out` exists. DatasetError: too few usable pictures, or the disk is full.
    """
    plan, seen, bodies = order.plan, Seen(), SeenBodies()
    skipped: list[tuple[str, Unreadable]] = []
    used: list[Candidate] = []
    made: list[tuple[Candidate, Taken]] = []
    """The candidate of each item, and what is told of it."""
    with Writer(out, plan.kind, plan.shape) as writer, _bar(len(candidates)) as advance:
        for candidate in candidates:
            try:
                taken, windows = _windows(candidate, order, seen, bodies)
            except Unreadable as why:
                skipped.append((candidate.file, why))
            else:
                used.append(candidate)
                for window in windows:
                    writer.append(window)
                    made.append((candidate, taken))
            advance()
        _require_enough(used, skipped, order, where)
        heldout = _heldout(used, order)
        items = tuple(
            Item(
                index=index,
                file=candidate.file,
                sha256=taken.sha256,
                source=candidate.source,
                licence=candidate.licence,
                split="heldout" if _group(candidate) in heldout else "train",
                label=candidate.label,
                text=candidate.text,
                mended=taken.mended,
                apart=taken.apart,
            )
            for index, (candidate, taken) in enumerate(made)
        )
        about = About(
            name=order.name,
            kind=plan.kind,
            shape=plan.shape,
            channels=plan.channels,
            items=items,
            skipped=tuple(Skipped(file, _told(why)) for file, why in skipped),
            labels=tuple(sorted({c.label for c in used if c.label is not None})),
        )
        texts = _texts(made, order)
        if texts is not None:
            about = msgspec.structs.replace(about, encoder=order.encoder)
        writer.finish(about, texts)
    return about


def _texts(made: Sequence[tuple[Candidate, Taken]], order: Order) -> Array | None:
    """(N, D), one embedding an item; None unless each has a text."""
    if order.embed is None or not all(candidate.text for candidate, _ in made):
        return None
    known = {text: order.embed(text) for text in sorted({candidate.text or "" for candidate, _ in made})}
    return np.concatenate([known[candidate.text or ""].reshape(1, -1) for candidate, _ in made])


def _windows(candidate: Candidate, order: Order, seen: Seen, bodies: SeenBodies) -> tuple[Taken, list[Pixels]]:
    """The items of one candidate, and what is told of them.

    Raises:
        Unreadable: it can't be used, or is there already.
    """
    found = candidate.read()
    if twin := seen.same(found.sha256):
        raise Unreadable(f"has the same bytes as {twin}", "copies")
    mark = None
    if isinstance(found.content, Picture) and order.near_duplicates:
        mark = print_of(found.content.light, found.content.hdr)
        if twin := seen.near(mark):
            raise Unreadable(f"shows the same as {twin}", "alike")
    if isinstance(found.content, Body):
        return _body(candidate, found.sha256, found.content, order, seen, bodies)
    # Seeded by the content, so that another file more or less changes no other's windows.
    rng = np.random.default_rng([order.seed, int(found.sha256[:12], 16)])
    if isinstance(found.content, Picture):
        windows = from_picture(found.content, order.plan, rng)
    elif isinstance(found.content, Material):
        windows = from_material(found.content, order.plan, rng)
    else:
        windows = from_heights(found.content, order.plan, rng)
    wanted = [window for window in windows if candidate.keep(window)]
    if not wanted:
        raise Unreadable("has no window that is wanted")
    seen.add(candidate.file, found.sha256, mark)
    return Taken(found.sha256, "", None), wanted


def _body(
    candidate: Candidate, sha256: str, body: Body, order: Order, seen: Seen, bodies: SeenBodies
) -> tuple[Taken, list[Pixels]]:
    if order.near_duplicates and (twin := bodies.near(body.values)):
        raise Unreadable(f"has the same shape and colours as {twin}", "alike")
    bodies.add(candidate.file, body.values)
    seen.add(candidate.file, sha256, None)
    return Taken(sha256, body.mended, round(body.apart, 5)), [body.values]


def _group(candidate: Candidate) -> str:
    return candidate.group or candidate.file


def _heldout(used: Sequence[Candidate], order: Order) -> set[str]:
    """The groups that are kept for judging: that share of each label's, at least one in all.

    Which ones follows from their names alone, so that a grown folder keeps them.
    """
    if order.heldout <= 0:
        return set()

    def lot(group: str) -> str:
        return hashlib.sha256(f"{order.seed}:{group}".encode()).hexdigest()

    chosen: set[str] = set()
    groups = sorted({_group(c) for c in used}, key=lot)
    for label in sorted({c.label or "" for c in used}):
        mine = {_group(c) for c in used if (c.label or "") == label}
        drawn = [group for group in groups if group in mine]
        chosen |= set(drawn[: round(order.heldout * len(drawn))])
    return chosen or set(groups[:1])


def _require_enough(
    used: Sequence[Candidate], skipped: Sequence[tuple[str, Unreadable]], order: Order, where: str
) -> None:
    if not used and not skipped:
        raise UsageError(f"{where}: holds nothing to prepare")
    if not used:
        told, remedy = _sorts(skipped)
        raise DatasetError(
            f"{where}: none of {len(skipped)} files can be used, {told}; {remedy}, or name another folder"
        )
    groups = {_group(candidate) for candidate in used}
    needs = FEWEST if order.heldout > 0 or order.plan.crop == "center" else 1
    if len(groups) < needs:
        told, remedy = _sorts(skipped) if skipped else ("", "add some")
        others = f" and {len(skipped)} that can't be used ({told})" if skipped else ""
        one, or_else = "picture", ", or learn from crops of this one with --crop random --heldout 0"
        if order.plan.kind == "mesh":
            one, or_else = "mesh", ""
        raise DatasetError(
            f"{where}: has one usable {one} ({used[0].file}){others}, at least {FEWEST} were expected, to learn "
            f"from and to judge by; {remedy}{or_else}"
        )


def _sorts(skipped: Sequence[tuple[str, Unreadable]]) -> tuple[str, str]:
    """Why files are left out, told by sort with an example each, the commonest first; and what mends that one."""
    sorts = [why.sort for _, why in skipped]
    told = []
    for sort, count in Counter(sorts).most_common():
        file, why = skipped[sorts.index(sort)]
        many = f"all {count} are" if len(set(sorts)) == 1 < count else f"{count} {'is' if count == 1 else 'are'}"
        told.append(f"{many} {sort} ({file} {why})")
    commonest = Counter(sorts).most_common(1)[0][0]
    return ", ".join(told), skipped[sorts.index(commonest)][1].remedy or "mend them"


def _told(why: Unreadable) -> str:
    return f"{why}; {why.remedy}" if why.remedy else str(why)


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error; a call of what it gives moves it on by one."""
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
