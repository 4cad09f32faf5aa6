"""The legend of a color map: a bar with values below it."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.picture.color_maps import color_table
from viewer.picture.views import Legend
from viewer.widgets.controls import em

PARTS = 32
"""Number of rectangles that form the bar."""


def draw_legend(name: str, legend: Legend, corner: ImVec2, height: int) -> None:
    """Draw in the lower left corner of the view.

    Args:
        name: name of the color map.
        legend: quantity and range.
        corner: upper left corner of the view.
        height: height of the view, screen units.
    """
    draw, colors = imgui.get_window_draw_list(), color_table(name)
    bar_width, bar_height = em(15), em(0.8)
    left, top = corner.x + em(1.5), corner.y + height - em(3.2)
    backing = ImVec2(left - em(0.9), top - em(1.8)), ImVec2(left + bar_width + em(0.9), top + bar_height + em(1.6))
    draw.add_rect_filled(*backing, 0xA0000000, em(0.3))
    draw.add_text(ImVec2(left, top - em(1.4)), 0xFFFFFFFF, legend.title)
    for part in range(PARTS):
        red, green, blue = (int(value) for value in colors[part * 255 // (PARTS - 1)])
        packed = 0xFF000000 | blue << 16 | green << 8 | red
        x0, x1 = (left + bar_width * (part + side) / PARTS for side in (0, 1))
        draw.add_rect_filled(ImVec2(x0, top), ImVec2(x1 + 0.5, top + bar_height), packed)
    right = left - em(1)
    for place, text in legend.ticks:
        x = left + bar_width * place
        draw.add_line(ImVec2(x, top), ImVec2(x, top + bar_height + em(0.15)), 0xFFFFFFFF)
        start = x - imgui.calc_text_size(text).x / 2
        if start >= right:
            draw.add_text(ImVec2(start, top + bar_height + em(0.2)), 0xFFFFFFFF, text)
            right = start + imgui.calc_text_size(text).x + em(0.3)
