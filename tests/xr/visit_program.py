"""The whole program, `vrgen …`, that also tells what a visit comes to: a JSON line a frame, and one a change.

It looks at `app.Session` after each frame and changes nothing.
"""

import json
import sys
from typing import Any

from vrgen import app, cli
from vrgen.display.interface import Frame
from vrgen.room import world_from_room


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


class Told(app.Session):
    """A session that tells."""

    _told: dict[str, Any]

    def frame(self, frame: Frame, number: int) -> None:
        super().frame(frame, number)
        now = self._now(frame)
        if now != getattr(self, "_told", None):
            self._told = now
            tell(visit=now)
        tell(beat=self.ledger.count)

    def _now(self, frame: Frame) -> dict[str, Any]:
        person, display, tracked = self.person, self.display, frame.controls.tracked
        head = world_from_room(person) @ [*person.head_room, 1.0]
        return {
            "kind": display.kind,
            "why": display.why,
            "notes": [*self.notes, *display.notes, *display.info],
            "room": person.room,
            "feet": [round(metres, 3) for metres in person.feet_world],
            "head": [round(float(metres), 3) for metres in head[:3]],
            "heading": round(person.yaw_rad + person.head_yaw_rad, 3),
            "world": self.steering.choice.world,
            "at": [round(way, 3) for way in self.steering.now.at],
            "paused": self.paused,
            "liked": len(self.preference.liked),
            "disliked": len(self.preference.disliked),
            "said": sorted(self.preference.disliked[-1]) if self.preference.disliked else [],
            "picked": "" if self.picked is None else self.picked.picked.what,
            "picked_at": None if self.picked is None else self.picked.picked.at_world,
            "by": [] if self.picked is None else [request.generator for request in self.picked.picked.made_by],
            "aims": self.trip.arc is not None,
            "landing": None if self.trip.arc is None else self.trip.arc.landing,
            "fade": round(max(self.trip.blink, self.trip.lost), 1),
            "map": self.trip.map is not None,
            "made": sum(status.results for status in self.generators.status),
            "hands": sorted(hand.side for hand in tracked.hands if hand.grip_room is not None) if tracked else [],
            "tracks": tracked is not None and tracked.valid,
            "renders": frame.should_render,
        }


if __name__ == "__main__":
    app.Session = Told  # type: ignore[misc]
    sys.exit(cli.main(sys.argv[1:]))
