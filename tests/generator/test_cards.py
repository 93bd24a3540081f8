"""With several cards the worker loads nothing before it knows on which one OpenGL draws, or has waited enough."""

import threading

import pytest
import torch

from vrgen.device import Card
from vrgen.generator import worker
from vrgen.generator.protocol import Board, Letter
from vrgen.generator.shared import Segment

CARDS = (Card("RTX 1", "a"), Card("RTX 2", "b"))


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> worker.Worker:
    monkeypatch.setattr(worker, "cards", lambda: CARDS)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    return worker.Worker(Board(Segment(Board.size()), 64), threading.Event(), "auto", 1)


def test_it_waits_and_takes_the_card_that_draws(waiting: worker.Worker) -> None:
    assert not waiting._knows_where()
    waiting._letter = Letter([], [], [], [], ["b"])
    assert waiting._knows_where() and waiting._chosen is not None
    assert waiting._chosen.device == "cuda:1" and not waiting._chosen.why


def test_it_goes_on_when_nobody_tells(waiting: worker.Worker) -> None:
    waiting._began_s -= worker.CARD_TOLD_S + 1.0
    assert waiting._knows_where() and waiting._chosen is not None
    assert waiting._chosen.device == "cuda:0" and "RTX 1" in waiting._chosen.why


def test_one_card_is_not_waited_for(waiting: worker.Worker) -> None:
    waiting._cards = CARDS[:1]
    assert waiting._knows_where()
