"""What is drawn over a comparison: the names of both sides, their PSNR, and the divider."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.app.app import ViewerApp
from viewer.app.compare import CompareView
from viewer.picture.comparison import Comparison
from viewer.playback.render_worker import ViewResult
from viewer.widgets.controls import elided, em

REACH = 0.7
"""Distance within which the mouse grabs the divider, text heights."""

HANDLE = 0.9
"""Radius of the divider's handle, text heights."""

GIZMO = 7.4
"""Width of the gizmo in the upper right corner, text heights."""

BACKING, WHITE, BLACK = 0xC0101010, 0xFFFFFFFF, 0xFF101010


def draw_comparison(app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
    """Draw over the view whose upper left corner is `corner`, screen units."""
    compare, document = app.compare, app.document
    if not compare.active or document is None:
        return
    (first, second), top = sides(app), corner.y + em(0.5)
    if compare.mode is Comparison.DIFFERENCE:
        left, right = corner.x + em(0.5), corner.x + width - em(GIZMO)
        draw_chip(f"{first} - {second}", left, right, top, 0.0)
        draw_chip(psnr_text(compare), left, right, top + em(1.7), 0.0)
        return
    x = draw_divider(compare, corner, width, height)
    draw_chip(first, corner.x + em(0.5), x - em(0.5), top, 1.0)
    draw_chip(second, x + em(0.5), corner.x + width - em(GIZMO), top, 0.0)
    text = psnr_text(compare)
    half = imgui.calc_text_size(text).x / 2 + em(0.4)
    middle = min(max(x, corner.x + half + em(0.5)), max(corner.x + width - em(GIZMO) - half, corner.x + half + em(0.5)))
    draw_chip(text, middle - half, middle + half, top + em(1.7), 0.5)


def sides(app: ViewerApp) -> tuple[str, str]:
    """Return the names of both sides, each with the backend that renders it; empty ones if nothing is compared."""
    compare, document = app.compare, app.document
    if document is None or compare.view_renderer is None:
        return "", ""
    first, second = (renderer.used_renderer.name for renderer in (document.view_renderer, compare.view_renderer))
    label = compare.label if compare.label == f"{second} backend" else f"{compare.label} ({second})"
    return f"{document.title} ({first})", label


def draw_divider(compare: CompareView, corner: ImVec2, width: int, height: int) -> float:
    """Draw the line, with dark borders so that it is visible on any color, and its handle. Return its x."""
    draw = imgui.get_window_draw_list()
    x = min(max(corner.x + compare.divider * width, corner.x + 2), corner.x + width - 2)
    draw.add_line(ImVec2(x, corner.y), ImVec2(x, corner.y + height), BLACK, 4.0)
    draw.add_line(ImVec2(x, corner.y), ImVec2(x, corner.y + height), WHITE, 2.0)
    radius = em(HANDLE)
    center = ImVec2(min(max(x, corner.x + radius), corner.x + width - radius), corner.y + height / 2)
    draw.add_circle_filled(center, radius, BLACK)
    draw.add_circle_filled(center, radius - 1.5, WHITE)
    size = imgui.calc_text_size(icons.ICON_FA_LEFT_RIGHT)
    draw.add_text(ImVec2(center.x - size.x / 2, center.y - size.y / 2), BLACK, icons.ICON_FA_LEFT_RIGHT)
    return float(x)


def on_divider(compare: CompareView, x: float, y: float, width: float, height: float) -> bool:
    """Return whether a point of the view, screen units, is on the divider or its handle."""
    if not compare.active or compare.mode is not Comparison.DIVIDER:
        return False
    radius = em(HANDLE)
    handle = min(max(compare.divider * width, radius), width - radius)
    return abs(x - compare.divider * width) < em(REACH) or math.hypot(x - handle, y - height / 2) < radius


def psnr_text(compare: CompareView) -> str:
    """Return the PSNR of the two images as text; empty while it is not known."""
    if compare.psnr is None:
        return ""
    return "Both images are identical" if math.isinf(compare.psnr) else f"PSNR {compare.psnr:.2f} dB"


def times_text(compare: CompareView, first: ViewResult | None) -> str:
    """Return the milliseconds in which `first` and the second image were rendered; empty while one of them is missing."""
    second = None if compare.view_renderer is None else compare.view_renderer.shown
    return "" if first is None or second is None else f"{first.render_ms:.1f} and {second.render_ms:.1f} ms"


def draw_chip(text: str, left: float, right: float, top: float, align: float) -> None:
    """Write text on a dark background between `left` and `right`, shortened to fit; nothing if there is no room.

    Args:
        text: one line.
        left, right: borders of the available room, screen units.
        top: upper border.
        align: 0 for the left, 1 for the right end of the room.
    """
    pad, draw = em(0.35), imgui.get_window_draw_list()
    text = elided(text, right - left - 2 * pad)
    if not text:
        return
    size = imgui.calc_text_size(text)
    x = left + align * (right - left - size.x - 2 * pad)
    end = ImVec2(x + size.x + 2 * pad, top + size.y + em(0.3))
    draw.add_rect_filled(ImVec2(x, top), end, BACKING, em(0.25))
    draw.add_text(ImVec2(x + pad, top + em(0.15)), WHITE, text)
