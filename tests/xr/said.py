"""What programs and API layers have said: JSON lines, calls, findings."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xr_testbed.program import Program


def lines_of(program: Program) -> list[dict[str, Any]]:
    """The JSON lines, without the runtime's own words."""
    said = program.said()
    whole = said[: said.rfind("\n") + 1]  # the last line may still be on its way
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


def all_of(program: Program, name: str) -> list[Any]:
    """Everything said under that name."""
    return [line[name] for line in lines_of(program) if name in line]


def last_of(program: Program, name: str) -> Any:
    return all_of(program, name)[-1]


def findings(validation: Path) -> list[str]:
    """Errors and warnings of the core-validation layer.

    Raises:
        AssertionError: the layer was not there, so that nothing it says counts.
    """
    written = validation.read_text(encoding="utf-8", errors="replace")
    assert "Core Validation Layer is initialized" in written
    return [line for line in written.splitlines() if re.search(r"VALID_(ERROR|WARNING)", line)]


@dataclass(frozen=True)
class Call:
    """A call as the API-dump layer writes it."""

    name: str
    arguments: str

    @property
    def layers(self) -> int:
        """Of xrEndFrame."""
        return int(self.arguments.split("layerCount = ")[1].split()[0], 16)


def calls_of(dump: Path) -> list[Call]:
    """Every call, in order."""
    parts = re.split(
        r"^XrResult (xr\w+)\n", dump.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE
    )
    return [Call(name, arguments) for name, arguments in zip(parts[1::2], parts[2::2])]


def frames_of(calls: list[Call]) -> list[list[Call]]:
    """The calls of each frame, from xrBeginFrame to xrEndFrame."""
    frames: list[list[Call]] = []
    inside = False
    for call in calls:
        if call.name == "xrBeginFrame":
            frames.append([])
            inside = True
        if inside:
            frames[-1].append(call)
        inside = inside and call.name != "xrEndFrame"
    return frames
