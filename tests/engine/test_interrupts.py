"""Ctrl+C in a headless run: nothing is left half done, and a second one is not put off."""

from __future__ import annotations

import os
import signal

import pytest

from midwatch.system.interrupts import Interrupts


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_interrupt_takes_effect_at_the_next_place_where_nothing_is_half_done() -> None:
    done = []
    with Interrupts() as interrupts:
        interrupt()
        done.append("the write that it came into")
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            done.append("the wait")
    assert done == ["the write that it came into"]


def test_interrupt_while_it_waits_takes_effect_at_once() -> None:
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.allowed():
        interrupt()


def test_second_interrupt_takes_effect_anywhere_and_the_handler_of_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is before
