"""What `vrgen doctor` says of one thing it looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing examined. A `problem` keeps every world from being shown; a `note` is good to know."""

    name: str
    state: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""
    """The command or setting that mends it; empty where nothing is to be done."""
