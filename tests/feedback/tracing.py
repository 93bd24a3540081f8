"""Holds a trace against what the format and vrgen promise: slices nest, bundles pair, stages are in order."""

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from vrgen.feedback.changes import STAGES

Event = dict[str, Any]


def read(path: Path) -> list[Event]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(json.loads(text)["traceEvents"])


def span(event: Event) -> tuple[float, float]:
    return event["ts"], round(event["ts"] + event["dur"], 3)


def require_nested(events: list[Event]) -> int:
    """Slices of one thread lie within each other or apart; returns how many there are."""
    tracks: dict[tuple[int, int], list[Event]] = {}
    for event in events:
        if event["ph"] == "X":
            assert event["dur"] >= 0.0, event
            tracks.setdefault((event["pid"], event["tid"]), []).append(event)
    for slices in tracks.values():
        within: list[Event] = []
        for event in sorted(slices, key=lambda one: (one["ts"], -one["dur"])):
            while within and span(within[-1])[1] <= event["ts"]:
                within.pop()
            assert not within or span(event)[1] <= span(within[-1])[1], (event, within[-1])
            within.append(event)
    return sum(map(len, tracks.values()))


def require_bundles(events: list[Event]) -> dict[int, list[Event]]:
    """Every begin of a change has its end and lies in the right order; returns the stages of each, in order."""
    found: dict[int, list[Event]] = {}
    open_: dict[int, list[Event]] = {}
    for event in events:
        if event["ph"] == "b":
            open_.setdefault(event["id"], []).append(event)
        elif event["ph"] == "e":
            begun = open_[event["id"]].pop()
            assert begun["name"] == event["name"] and begun["ts"] <= event["ts"], (begun, event)
            if open_[event["id"]]:
                found.setdefault(event["id"], []).append({**begun, "dur": event["ts"] - begun["ts"]})
            else:
                stages = found[event["id"]]
                assert [stage["name"] for stage in stages] == list(STAGES)
                assert all(a["ts"] <= b["ts"] for a, b in pairwise(stages))
                assert stages[0]["ts"] >= begun["ts"] and span(stages[-1])[1] <= event["ts"] + 0.002
    assert not any(open_.values()), "a change begins and does not end"
    return found


def require_arrows(events: list[Event]) -> int:
    """Each leads from a frame, by a call, to a frame, and forwards; returns how many there are."""
    arrows: dict[int, list[Event]] = {}
    for event in events:
        if event["ph"] in "stf":
            arrows.setdefault(event["id"], []).append(event)
    slices = [event for event in events if event["ph"] == "X"]
    for arrow in arrows.values():
        assert [event["ph"] for event in arrow] == ["s", "t", "f"]
        assert arrow[0]["ts"] <= arrow[1]["ts"] <= arrow[2]["ts"]
        for event, name in zip(arrow, ("request", "infer", "end"), strict=True):
            here = [
                one["name"]
                for one in slices
                if (one["pid"], one["tid"]) == (event["pid"], event["tid"])
                and one["ts"] - 0.002 <= event["ts"] <= span(one)[1] + 0.002
            ]
            assert any(one.split()[0] == name for one in here), (event, here)
    return len(arrows)
