"""For the tests: a display on the headset that draws nothing and tells its notes, and how many hands it sees, when
they change."""

import json

from vrgen.config import RunOptions
from vrgen.display import open_display


def main() -> None:
    display, _ = open_display(RunOptions(display="openxr", size=(160, 90)))
    told: object = None
    with display:
        for frame in display.frames():
            frame.end(drawn=False)
            tracked = frame.controls.tracked
            if tracked is None:
                continue
            hands = sum(hand.grip_room is not None for hand in tracked.hands)
            if told != (now := {"hands": hands, "notes": display.notes}):
                told = now
                print(json.dumps(now), flush=True)


if __name__ == "__main__":
    main()
