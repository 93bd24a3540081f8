"""What stands beside the buttons of a controller that is looked at."""

from functools import cache

from vrgen.display.openxr.profiles import Row, help_of, profile_of
from vrgen.messages import HAND_BUTTONS, ButtonLabel, Side


@cache
def labels_of(path: str, side: Side) -> tuple[ButtonLabel, ...]:
    """One label a part of that hand's controller; `path`: `Hand.profile`. None for what vrgen does not know."""
    profile = profile_of(path)
    parts: dict[str, list[Row]] = {}
    for row in help_of(profile) if profile is not None else ():
        if row.side == side and row.component:
            parts.setdefault(row.component, []).append(row)
    return tuple(ButtonLabel(part, _text(rows), _does(rows)) for part, rows in parts.items())


def _text(rows: list[Row]) -> str:
    """ "move / press: run"; of a pad's places those that do the same together: "left, right: turn"."""
    ways: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: "pressed" in row.button):
        _, pressed, place = row.button.partition(" pressed")
        ways.setdefault(row.does, []).append(place.removeprefix(", ") or ("press" if pressed else ""))
    told = [", ".join(way for way in at if way) for at in ways.values()]
    return " / ".join(f"{at}: {does}" if at else does for at, does in zip(told, ways)).replace("; ", ", ")


def _does(rows: list[Row]) -> str:
    """What of HAND_BUTTONS lights the label, without the side."""
    names = (row.names[0] for row in rows if row.names[0] in HAND_BUTTONS)
    return next(names, "").partition(".")[2]
