"""Pictures are read one frame late, in order, through two buffers."""

from __future__ import annotations

import numpy as np

from viewer.gl.delayed_read import DelayedRead
from viewer.gl.presenter import Presenter


def test_each_picture_comes_once_it_was_overtaken(presenter: Presenter) -> None:
    context, reader = presenter.context, DelayedRead(presenter.context)

    def next_of(value: int, size: tuple[int, int] = (5, 3)) -> np.ndarray:
        target = context.framebuffer([context.texture(size, 4)])
        target.clear(value / 255, 0.0, 1.0, 1.0)
        return reader.next(target)

    shown = [next_of(value) for value in (10, 20, 30, 40)]
    assert [int(picture[0, 0, 0]) for picture in shown] == [10, 10, 20, 30]
    assert all(picture.shape == (3, 5, 3) and (picture == picture[0, 0]).all() for picture in shown)
    assert next_of(50, (4, 2)).shape == (2, 4, 3) and int(next_of(60, (4, 2))[0, 0, 0]) == 50
    reader.release()
    assert int(next_of(70)[0, 0, 0]) == 70, "nothing of an earlier recording is left"
    reader.release()


def test_row_0_is_at_the_top(presenter: Presenter) -> None:
    target = presenter.context.framebuffer([presenter.context.texture((2, 2), 4)])
    target.clear(0.0, 0.0, 0.0, 1.0)
    target.clear(1.0, 1.0, 1.0, 1.0, viewport=(0, 1, 2, 1))  # the upper half
    reader = DelayedRead(presenter.context)
    assert reader.next(target)[:, 0, 0].tolist() == [255, 0]
    reader.release()
