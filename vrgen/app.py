"""The loop: input → model → environment → feedback → input. The architecture, readable on two screens.

Stages do not know each other; here they are wired. One thread draws for ever; the generators run in a process of
their own and are only ever looked at, never waited for.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vrgen import errands
from vrgen.accounts import Accounts
from vrgen.config import RunOptions, World
from vrgen.deeds import Deeds
from vrgen.display.film import Film
from vrgen.display.interface import Display, Frame
from vrgen.feedback.haptics import UNTOUCHED, Answer, felt
from vrgen.feedback.ledger import Step
from vrgen.feedback.pace import pace_of
from vrgen.feedback.panel_state import PanelState
from vrgen.feedback.picks import Pick, told
from vrgen.feedback.preferences import concerned, observe
from vrgen.generator.encoders import troubles
from vrgen.generator.generators import Generators
from vrgen.generator.scheduling import Schedule
from vrgen.inputs.bindings import hand_rows, help_rows
from vrgen.inputs.hands import REST
from vrgen.inputs.interpret import interpret
from vrgen.inputs.steering import Steering
from vrgen.interrupt import Interrupt
from vrgen.messages import Action, Controls, FrameCost, GeneratorStatus, Intent, Person, Preference, Wish
from vrgen.progress import Progress
from vrgen.scene.assembly import Assembly
from vrgen.scene.presence import present
from vrgen.scene.trip import AT_REST, travelled
from vrgen.scene_model import Scene

if TYPE_CHECKING:
    from vrgen.feedback.panel import Panel
    from vrgen.gl.card_copies import CardCopies

_PANEL_FROM_FRAME = 2
_SETTLE_S = 240.0
_SMALL = (0, 0, 64, 36)
_QUIET_FRAMES = 5
"""After the last change each shadow cascade takes a frame."""


class Session:
    """One visit: who stands where, what was chosen, what is seen."""

    def __init__(self, options: RunOptions, world: World, display: Display, generators: Generators) -> None:
        prompted = {} if options.prompt is None else errands.prompted(options.prompt, generators.knobs)
        from vrgen.renderer import PANEL, Renderer  # OpenGL's platform is the display's choice: once open

        self.options, self.world, self.display, self.generators = options, world, display, generators
        self.renderer = Renderer(options.quality)
        self.panel: Panel | None = None
        self.by_card: CardCopies | None = None
        self.deeds = Deeds()
        self.accounts = Accounts(display, self.renderer.passes, self.renderer.software).__enter__()
        self.accounts.ledger.transfer_path = self.renderer.uploads.path
        self.ledger, self._panel_pass = self.accounts.ledger, PANEL
        self.assembly = Assembly(world)
        self.schedule = Schedule(world)
        seed = world.seed if options.seed is None else options.seed
        self.rng = np.random.default_rng(seed)
        self.steering = Steering.start(generators.knobs, seed, {**world.settings, **prompted})
        self.preference = Preference()
        start = world.start
        self.person = Person((start.x_m, 0.0, start.z_m), float(np.radians(start.yaw_deg)))
        self.scene: Scene | None = None
        self.captured: frozenset[str] = frozenset()
        self.stance, self.trip, self.touch = REST, AT_REST, UNTOUCHED
        self._accepted = self._refused = False
        self.picked: Pick | None = None
        self.wants_from_panel = Intent()
        self.asked = ""
        self.paused = self.settling = False
        self.leaving = False
        self.notes = troubles(self.steering.knobs, self.steering.choice.values)
        self._restarts = 0
        self._wishes: Mapping[str, Wish] = {}
        self._input_s: float | None = None
        """When what is wanted and not asked for yet was brought about."""

    # --- the loop -----------------------------------------------------------------------------------------

    def loop(self, interrupt: Interrupt, film: Film | None, progress: Progress | None = None) -> None:
        """Frames until it is time to leave; `progress` is for who waits for that."""
        counted, since_s, quiet = 0, 0.0, 0
        self.settling = self.options.settle
        for number, open_frame in enumerate(self.display.frames()):
            with open_frame as frame:
                self.frame(frame, number)
            if number == 0:
                self.generators.start()
            self.rest(frame)
            if progress is not None and progress.due:
                run_s, statuses = frame.time_s - since_s, self.generators.status
                progress.at(*errands.how_far(self.options, self.settling, statuses, counted, run_s))
            if interrupt.signal:
                break
            if self.settling:
                since_s = frame.time_s
                quiet = quiet + 1 if self._settled() else 0
                self.settling = quiet < _QUIET_FRAMES
                continue
            counted += 1
            if film is not None:
                film.add(self.display.read_pixels())
            through = self.options.frames is not None and counted >= self.options.frames
            late = self.options.seconds is not None and frame.time_s - since_s >= self.options.seconds
            if through or late or self.leaving or self._hopeless():
                break
            self.ledger.worker_memory(self.generators.worker_peak_mb)
            self.ledger.texture_memory(*self.renderer.texture_mb)
            self.ledger.stepped_back(self.generators.steps_back)

    def frame(self, frame: Frame, number: int) -> None:
        """One turn of the wheel."""
        controls, options, lap = frame.controls, self.options, self.accounts.lap
        begun_s = self.accounts.begin(self.display)
        intent, self.stance = interpret(controls, self.stance, self.captured, options.turn, options.main_hand)
        if self.settling:
            intent = Intent()
        self._accepted = self._refused = False
        lap(Step.INTERPRET)
        intent = self.steer(intent, controls)
        lap(Step.STEER)
        self.request(controls, begun_s)
        lap(Step.REQUEST)
        self.live(intent, controls)
        self.pick(intent, controls)
        lap(Step.LIVE)
        cost: FrameCost | None = None
        if frame.should_render and self.scene is not None:
            if number >= _PANEL_FROM_FRAME:
                self.update_panel(controls)
            lap(Step.PANEL)
            cost = self.show(frame, self.scene, intent)
            lap(Step.SHOW)
        self.act(intent, controls)
        self.touch_back(controls)
        lap(Step.ANSWER)
        moved = any((*intent.walk_mps, *intent.turn_rad, *intent.morph))
        self.ledger.person = self.person
        self.accounts.end(begun_s, cost, answered=bool(intent.actions or moved or intent.go or intent.pick))

    def rest(self, frame: Frame) -> None:
        """After a frame, in the time that is left until the next."""
        unseen = not frame.should_render or max(self.trip.blink, self.trip.lost) >= 1.0
        self.accounts.rest(self.display, self.generators, hidden=unseen)

    def show(self, frame: Frame, scene: Scene, intent: Intent) -> FrameCost | None:
        """The picture; the eyes are located last, when all that does not depend on them is done."""
        self.renderer.advance(scene, self.person.feet_world, self.display.view_count)
        presence = present(
            self.person,
            self.trip,
            frame.controls,
            intent,
            self.assembly.land.height,
            self.steering.now.at,
            pointed=self.panel.pointed if self.panel is not None else {},
            labelled=self.panel is not None and not self.panel.compact,
            mark=self.picked.mark(frame.controls.time_s) if self.picked is not None else None,
            objects=scene.objects,
            origin=scene.origin,
        )
        views = frame.views(self.person)
        if not views:  # nothing to draw into: the compositor keeps every picture
            return None
        if self.settling:  # nobody looks yet: a small picture brings everything to the GPU as well
            views = tuple(replace(view, rect_px=_SMALL) for view in views)
        self.ledger.picture_px = views[0].rect_px[2:]
        drawn = self.accounts.effort.drawn
        if self.display.scales_views:
            drawn = drawn._replace(scale=1.0)
        cost = self.renderer.draw(scene, views, presence, drawn)
        passes = self.renderer.passes
        if self.panel is not None and self._panel_is_due():
            passes.resume()
            quad = self.panel.quad
            if quad is None or not frame.show_quad(quad):
                self.panel.draw(views)
            passes.lap(self._panel_pass)
        passes.end()
        return cost

    def steer(self, intent: Intent, controls: Controls) -> Intent:
        """Intent → where every knob stands; likes and dislikes shift what a new world proposes. Returns the intent
        with what was asked on the panel."""
        before = self.steering
        self.steering = self.steering.with_knobs(self.generators.knobs)
        panel, self.wants_from_panel = self.wants_from_panel, Intent()
        actions = (*intent.actions, *panel.actions)
        choice, about, framed = self.steering.choice, None, None
        if self.picked is not None and self.picked.counts(controls.time_s, choice.world):
            about = concerned(self.picked.picked, self.steering.knobs, choice)
            framed = self.assembly.framed(self.picked.picked)
        if framed is None:
            self.preference = observe(self.preference, choice, actions, about)
        for action in actions:
            if action is Action.NEW_WORLD:
                self.steering = self.steering.new_world(self.rng, self.preference)
            elif action is Action.UNDO:
                self.steering = self.steering.undo()
            elif action is Action.REDO:
                self.steering = self.steering.redo()
            elif action in (Action.LIKE, Action.DISLIKE) and framed is not None:
                liked = framed.inputs if action is Action.LIKE else {}
                self.steering = self.steering.turned(framed.generator, framed.variant, liked)
            elif action is Action.PAUSE:
                self.paused = not self.paused
            elif action is Action.PANEL and self.panel is not None:
                self.panel.toggle()
            elif action is Action.FULL_SCREEN:
                self.display.apply(action)
            elif action is Action.QUIT:
                self.leaving = True
            changed = self.steering is not before
            self.ledger.did(action.value)
            self._tell(action, changed, controls.time_s, about is not None, framed is not None)
        self.steering = self.steering.morph(intent.morph, controls.time_s)
        if any(intent.morph):
            self.asked = "morph"
        if panel.settings:
            self.steering = self.steering.set(panel.settings, controls.time_s)
            labels = {knob.name: knob.label for knob in self.steering.knobs}
            self.asked = ", ".join(labels.get(name) or name for name in panel.settings)
        if self.steering.choice is not before.choice:
            self.notes = troubles(self.steering.knobs, self.steering.choice.values)
        return replace(intent, actions=actions) if panel.actions else intent

    def request(self, controls: Controls, begun_s: float) -> None:
        """Say to the generators what is wanted now, since `begun_s`; nothing new while paused."""
        names = self.generators.manifests
        versions = {name: self.generators.version(name) for name in names}
        wishes = self.schedule.wishes(self.steering.choice, self.steering.knobs, names, versions)
        self.assembly.ask(wishes, controls.time_s)
        if wishes is not self._wishes:
            self.ledger.changes.wished(self._wishes, wishes, begun_s)
            self._wishes, self._input_s = wishes, begun_s
        if not self.paused:
            input_s = (begun_s if self._input_s is None else self._input_s) + self.ledger.changes.monotonic_s
            self.generators.submit(self.assembly.requests(self.person, controls.time_s, controls.tracked), input_s)
            self._input_s = None

    def live(self, intent: Intent, controls: Controls) -> None:
        """The world one frame on, and the person in it."""
        self.by_card = self.by_card or errands.land_by_card(self.options, self.generators)
        made = self.generators.poll(arriving=True)
        failed = frozenset(status.name for status in self.generators.status if status.phase in errands.OUT)
        changes = self.ledger.changes
        changes.whole(self.generators.whole)
        if failed:
            changes.gave_up(failed)
        origin = self.scene.origin if self.scene is not None else (0.0, 0.0, 0.0)
        if self.scene is not None:
            before = self.trip
            self.person, self.trip = travelled(
                self.person,
                self.trip,
                controls.tracked,
                intent,
                self.assembly.land.height,
                self.scene.objects,
                controls.dt_s,
                origin,
                vignette=self.options.vignette == "on",
            )
            if intent.go:
                # Asked of the trip before: a slow frame sets out and lands at once.
                bound = before.arc is not None and before.arc.landing is not None
                self._accepted, self._refused = self._accepted or bound, self._refused or not bound
                if bound:
                    self.ledger.did("teleport")
            if self.trip.map is not None and before.map is None:
                self.ledger.did("drag")
        self.scene = self.assembly.advance(
            made, self.person, self.renderer.resident, failed, controls.time_s, controls.dt_s
        )
        if self.assembly.news:
            changes.became(self.assembly.news, time.perf_counter())
        self.accounts.count(self.scene, self.renderer.triangles, self.renderer.seen)

    # --- feedback -----------------------------------------------------------------------------------------

    def pick(self, intent: Intent, controls: Controls) -> None:
        """What the person points at: it is told and marked, and what they say next is about it."""
        if intent.pick is None or self.scene is None:
            return
        picked = self.assembly.picked(self.scene, self.person, controls.tracked, intent.pick)
        if picked is None:
            return
        self.picked = Pick(picked, controls.time_s, self.steering.choice.world)
        self._accepted = True
        self.ledger.did("pick")
        if self.panel is not None:
            self.panel.say(told(picked, self.generators.status, self.steering.knobs), controls.time_s)

    def touch_back(self, controls: Controls) -> None:
        """Let the hands feel what became of what was asked."""
        if controls.tracked is None:
            return
        answer = Answer(
            accepted=self._accepted,
            refused=self._refused,
            world=self.steering.choice.world,
            arriving=self.assembly.arriving,
            statuses=self.generators.status,
        )
        hands = [hand.side for hand in controls.tracked.hands]
        pulses, self.touch = felt(self.touch, answer, hands, controls.time_s)
        for pulse in pulses:
            self.display.pulse(pulse)

    def update_panel(self, controls: Controls) -> None:
        """What was asked, what is being made, what failed; and what the person does there."""
        from vrgen.feedback.panel import Panel  # ImGui comes after the first frame

        if self.panel is None:
            from vrgen.gl.card import uuids

            self.generators.drawn_on(uuids())
            self.panel = Panel().__enter__()
        statuses = self.generators.status
        restarts = sum(status.restarts for status in statuses)
        if restarts > self._restarts:
            self._restarts = restarts
            self.panel.say("the generator was restarted", controls.time_s)
        self.panel.hang(self.person, controls, self.assembly.land.height)
        wants = self.panel.update(controls, lambda: self._panel_state(controls, statuses), self.display.scale)
        self.captured = self.display.captured = wants.captured
        self.wants_from_panel = Intent(actions=wants.actions, settings=wants.settings)

    def _panel_state(self, controls: Controls, statuses: tuple[GeneratorStatus, ...]) -> PanelState:
        """What the panel tells."""
        return PanelState(
            title=self.world.title or self.world.name,
            asked=self.asked,
            choice=self.steering.choice,
            at=self.steering.now.at,
            knobs=self.steering.knobs,
            generators=statuses,
            notes=(
                *self.notes,
                *errands.remarked(self.generators.remarks, self.steering.choice),
                *self.display.notes,
                *self.assembly.notes.values(),
            ),
            info=self.display.info,
            paused=self.paused,
            rate_hz=self.ledger.rate_hz,
            scale=self.ledger.drawn.scale,
            missed=self.ledger.missed,
            pace=lambda: pace_of(self.ledger),
            help=help_rows() if controls.tracked is None else hand_rows(controls.tracked.words),
        )

    def _panel_is_due(self) -> bool:
        """Pictures and films of a run without a person show the world alone."""
        filming = self.options.video is not None or self.options.screenshot is not None
        return not (self.display.kind == "headless" and filming)

    def _tell(self, action: Action, changed: bool, time_s: float, partly: bool, framed: bool) -> None:
        of = f", the {self.picked.picked.what}" if partly and self.picked is not None else ""
        closer, away = "new worlds stay closer to this", "new worlds keep away from this"
        if framed:
            closer, away = "those beyond it become like it", "others hang from here on"
        words = {
            Action.NEW_WORLD: "new world",
            Action.UNDO: "undone" if changed else "nothing to undo",
            Action.REDO: "done again" if changed else "nothing to redo",
            Action.LIKE: f"liked{of}: {closer}",
            Action.DISLIKE: f"disliked{of}: {away}",
            Action.PAUSE: "paused" if self.paused else "going on",
        }
        if action in words:
            refused = action in (Action.UNDO, Action.REDO) and not changed
            self._accepted, self._refused = self._accepted or not refused, self._refused or refused
            if action in (Action.NEW_WORLD, Action.UNDO, Action.REDO):
                self.asked = action.value
            if self.panel is not None:
                self.panel.say(words[action], time_s)

    def act(self, intent: Intent, controls: Controls) -> None:
        """What needs the finished picture or the file system: screenshots, another checkpoint."""
        if Action.SCREENSHOT in intent.actions:
            self.deeds.begin(errands.screenshot(self.display, self.world.name, self.deeds))
        if intent.swap is not None:
            self.deeds.begin(errands.swap(self.generators, intent.swap, self.deeds))
        for words, refused in self.deeds.advance():
            self._refused |= refused
            if self.panel is not None:
                self.panel.say(words, controls.time_s)

    # --- beginning and end --------------------------------------------------------------------------------

    def _settled(self) -> bool:
        """Whether the world that was asked for stands whole (or never will)."""
        if self.accounts.age_s > _SETTLE_S or self._hopeless():
            return True
        assert self.scene is not None
        asked = frozenset(self._wishes)
        return errands.stands(self.generators.status, asked, self.assembly, self.scene, self.person)

    def _hopeless(self) -> bool:
        """Without a person who could choose another checkpoint, a run that makes nothing ends."""
        return self.display.kind == "headless" and errands.nothing_runs(self.generators.status)

    def close(self) -> None:
        self.deeds.close()
        if self.panel is not None:
            self.panel.__exit__(None, None, None)
            self.panel = None
        self.renderer.close()
        if self.by_card is not None:
            self.by_card.close()
        self.accounts.__exit__(None, None, None)
