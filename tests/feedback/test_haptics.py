"""What the hands feel: accepted, ready, refused."""

from vrgen.feedback.haptics import APART_S, BUZZ_S, TICK_S, UNTOUCHED, Answer, Touch, felt
from vrgen.messages import GeneratorStatus, Phase, Pulse, Side

HANDS: tuple[Side, ...] = ("left", "right")


class Hands:
    """Feels frame by frame."""

    def __init__(self) -> None:
        self.touch: Touch = UNTOUCHED
        self.time_s = 0.0

    def feel(self, answer: Answer, hands: tuple[Side, ...] = HANDS) -> tuple[Pulse, ...]:
        self.time_s += 0.01
        pulses, self.touch = felt(self.touch, answer, hands, self.time_s)
        return pulses

    def seconds(self, answer: Answer) -> list[float]:
        return [pulse.seconds for pulse in self.feel(answer, ("right",))]


def failing(phase: Phase) -> Answer:
    return Answer(statuses=(GeneratorStatus("rocks", phase),))


def test_nothing_is_felt_of_nothing() -> None:
    hands = Hands()
    assert all(hands.feel(Answer()) == () for _ in range(100))


def test_what_is_accepted_ticks_once_in_each_hand() -> None:
    hands = Hands()
    pulses = hands.feel(Answer(accepted=True))
    assert [pulse.side for pulse in pulses] == ["left", "right"]
    assert all(pulse.seconds == TICK_S and 0 < pulse.strength <= 1 for pulse in pulses)
    assert hands.feel(Answer()) == ()
    assert hands.feel(Answer(accepted=True), ()) == ()


def test_a_world_that_was_asked_for_ticks_twice_when_it_arrives() -> None:
    hands = Hands()
    hands.feel(Answer(world=1, arriving=True))
    assert hands.seconds(Answer(world=2, arriving=True, accepted=True)) == [TICK_S]
    assert all(hands.feel(Answer(world=2, arriving=True)) == () for _ in range(50))
    ticks = [bool(hands.feel(Answer(world=2))) for _ in range(50)]
    first, second = (number for number, tick in enumerate(ticks) if tick)
    assert first == 0
    assert APART_S <= (second - first) * 0.01 + 1e-6 < APART_S + 0.02


def test_the_first_world_and_morphs_arrive_unfelt() -> None:
    hands = Hands()
    for arriving in (False, True, True, False, True, False):
        assert hands.feel(Answer(world=0, arriving=arriving)) == ()


def test_a_world_that_is_only_begun_later_is_awaited() -> None:
    hands = Hands()
    hands.feel(Answer(world=0))
    assert hands.feel(Answer(world=1)) == ()
    assert hands.feel(Answer(world=1, arriving=True)) == ()
    assert hands.feel(Answer(world=1)) != ()


def test_what_is_refused_buzzes_longer() -> None:
    assert BUZZ_S > 3 * TICK_S
    assert Hands().seconds(Answer(refused=True, accepted=True)) == [BUZZ_S]


def test_a_failure_buzzes_once_until_the_generator_is_well() -> None:
    hands = Hands()
    assert hands.seconds(failing(Phase.FAILED)) == [BUZZ_S]
    for phase in (Phase.FAILED, Phase.MAKING, Phase.RESTARTING, Phase.GONE):
        assert hands.feel(failing(phase)) == ()
    assert hands.feel(failing(Phase.READY)) == ()
    assert hands.seconds(failing(Phase.FAILED)) == [BUZZ_S]
