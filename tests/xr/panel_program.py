"""The whole program, `vrgen …`, that also tells of panel and knobs: a JSON line for each change."""

import json
import sys
from typing import Any

from vrgen import app, cli
from vrgen.display.interface import Frame


class Told(app.Session):
    """A session that tells; it changes nothing."""

    _told: dict[str, Any] | None = None

    def frame(self, frame: Frame, number: int) -> None:
        super().frame(frame, number)
        if self.panel is None or self.panel._hanging is None:
            return
        hanging = self.panel._hanging
        now = {
            "at": {side: [round(way, 3) for way in at] for side, at in hanging.at.items()},
            "shape": round(hanging.shape, 2),
            "values": {name: round(float(value.ravel()[0]), 3) for name, value in self._sliders.items()},
            "holds": self.panel._reach.holds,
            "paused": self.paused,
            "words": frame.controls.tracked is not None and len(frame.controls.tracked.words),
        }
        if now != self._told:
            self._told = now
            print(json.dumps({"panel": now}), flush=True)

    @property
    def _sliders(self) -> dict[str, Any]:
        kinds = {knob.name: knob.kind for knob in self.steering.knobs}
        return {name: value for name, value in self.steering.choice.values.items() if kinds.get(name) == "slider"}


if __name__ == "__main__":
    app.Session = Told  # type: ignore[misc]
    sys.exit(cli.main(sys.argv[1:]))
