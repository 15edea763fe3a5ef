"""Docker's two streams in one, taken apart however the network cuts them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.containers.exec import frames


def received(data: bytes, cuts: list[int]) -> Callable[[memoryview], int]:
    borders = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = iter([data[start:end] for start, end in itertools.pairwise(borders)])

    def receive(room: memoryview) -> int:
        piece = next(pieces, b"")
        room[: len(piece)] = piece
        return len(piece)

    return receive


FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)))


def packed(frames: list[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([kind, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for kind, data in frames)


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=30))
def test_frames_are_taken_apart_however_they_are_cut(given_frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    found = {1: b"", 2: b""}
    for kind, data in frames(received(packed(given_frames), cuts)):
        found[kind] += data
    assert found == {wanted: b"".join(data for kind, data in given_frames if kind == wanted) for wanted in (1, 2)}


@given(FRAMES.filter(bool), st.integers(1, 7))
def test_end_inside_a_frame_is_no_end(given_frames: list[tuple[int, bytes]], missing: int) -> None:
    data = packed(given_frames)[:-missing]
    with pytest.raises(OSError, match="inside a frame"):
        list(frames(received(data, [])))
