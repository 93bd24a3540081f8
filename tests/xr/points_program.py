"""Coloured cubes in the dark and the controllers, on vrgen's own headset display; tells where the eyes are.

Prints a JSON line for each state of a session, each change of display, and each new place of the eyes.
"""

import argparse
import ctypes
import json
import signal
from typing import Any

import stage as s
from points import HALF_M, POINTS

from vrgen.display.openxr import session
from vrgen.display.openxr.api import load, name_of
from vrgen.display.openxr.display import OpenXrDisplay
from vrgen.display.window import WindowDisplay
from vrgen.messages import Controls, Person, View
from vrgen.scene_model import Fade, HeldModel, Objects, Presence, Scene, Sky


class Refused(Exception):
    """Raised inside a frame, as a program with a fault would."""


def night() -> Fade[Sky]:
    """Black, with a bright light."""
    light = s.sun((0.3, 0.6, 1.0), strength=1.0, exposure=1.0, ambient_light=1.0)
    return Fade(s.sky((0.0, 0.0, 0.0), light))


def points() -> Scene:
    meshes = tuple(s.box(colour, HALF_M) for _, colour in POINTS.values())
    placed = [{"position": place, "mesh": i} for i, (place, _) in enumerate(POINTS.values())]
    objects = Objects(meshes, (), s.instances(*placed))
    return s.scene(over=s.nowhere(), above=night(), objects=objects)


def held(controls: Controls) -> Presence:
    """The room is the world here: the controllers are at their grip poses."""
    hands = controls.tracked.hands if controls.tracked is not None else ()
    return Presence(
        held=tuple(
            HeldModel(hand.model, hand.side, hand.grip_room.matrix())
            for hand in hands
            if hand.grip_room is not None
        )
    )


def told(views: tuple[View, ...]) -> list[dict[str, Any]]:
    return [
        {
            "world_from_eye": view.world_from_eye.round(6).tolist(),
            "fov": [view.fov.left_rad, view.fov.right_rad, view.fov.up_rad, view.fov.down_rad],
            "rect": view.rect_px,
        }
        for view in views
    ]


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def tell_states() -> None:
    """Say each state that a session comes into, then let it."""
    became = session.Session._became

    def telling(self: session.Session, state: str) -> None:
        tell(state=state)
        became(self, state)

    session.Session._became = telling  # type: ignore[method-assign]


def sit_without_a_floor() -> None:
    """Let the runtime be one without LOCAL_FLOOR, and a guess at the floor be wrong."""
    session.Session._has_local_floor = False  # type: ignore[assignment,method-assign]
    session.EYE_M = 0.7


def call_wrongly(opened: session.Session) -> None:
    """Ask for a space with a structure of another type."""
    xr = load()
    wrong = xr.SessionCreateInfo()
    made = xr.Space()
    info = ctypes.cast(ctypes.byref(wrong), ctypes.POINTER(xr.ReferenceSpaceCreateInfo))
    tell(refused=name_of(int(xr.raw_functions.xrCreateReferenceSpace(opened.handle, info, ctypes.byref(made)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hands", action="store_true", help="draw the controllers, not the cubes")
    parser.add_argument("--raise-every", type=int, default=0, help="raise inside every so many frames")
    parser.add_argument("--seated", action="store_true", help="on a runtime that has no LOCAL_FLOOR")
    parser.add_argument("--exit-after", type=int, default=0, help="end the session after so many frames in it")
    parser.add_argument("--fault", action="store_true", help="make a call that the specification forbids")
    args = parser.parse_args()
    leaving: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: leaving.append(number))
    signal.siginterrupt(signal.SIGTERM, False)
    tell_states()
    if args.seated:
        sit_without_a_floor()
    posture: session.Posture = "seated" if args.seated else "standing"
    display = OpenXrDisplay(WindowDisplay((320, 180)), insist=True, posture=posture)
    with display:
        from vrgen.renderer import Renderer  # OpenGL's platform is the display's choice

        scene = s.scene(over=s.nowhere(), above=night()) if args.hands else points()
        with Renderer("low", shadows=False) as renderer:
            seen: Any = None
            shown = -1
            for number, open_frame in enumerate(display.frames()):
                if leaving:
                    break
                try:
                    with open_frame as frame:
                        if display.changes != shown:
                            shown = display.changes
                            tell(
                                kind=display.kind,
                                why=display.why,
                                notes=display.notes,
                                renders=frame.should_render,
                            )
                        if not frame.should_render:
                            continue
                        presence = held(frame.controls) if args.hands else Presence()
                        renderer.advance(scene, (0.0, 0.0, 0.0), display.view_count)
                        views = frame.views(Person())
                        if args.raise_every and display.kind == "openxr" and number % args.raise_every == 0:
                            raise Refused
                        if args.exit_after and display.kind == "openxr" and display._headset is not None:
                            args.exit_after -= 1
                            if not args.exit_after:
                                display._headset.session.ask_to_exit()  # as a runtime's menu does
                        if args.fault and display._headset is not None:
                            call_wrongly(display._headset.session)
                            args.fault = False
                        if views:
                            renderer.draw(scene, views, presence)
                except Refused:
                    tell(raised=number)
                    continue
                now = told(views)
                if display.kind == "openxr" and now != seen:
                    seen = now
                    held_now = [[hand.model, hand.side, hand.world_from_grip.tolist()] for hand in presence.held]
                    tell(eyes=now, held=held_now)
    tell(ended=True)


if __name__ == "__main__":
    main()
