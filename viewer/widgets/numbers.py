"""Fields for numbers. Whatever is typed becomes a finite number within the bounds."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import imgui

from viewer.widgets.controls import field, tooltip

DRAG = "Drag to change it. Ctrl+click to type a number."
"""How fields that can be dragged are used."""


def integer_slider(label: str, value: int, low: int, high: int, tip: str, display: str = "%d") -> int:
    """Draw a slider for whole numbers from `low` to `high` and return the new value. Ctrl+click allows typing."""
    changed, chosen = imgui.slider_int(field(label, tip), value, low, high, display, imgui.SliderFlags_.always_clamp)
    tooltip(f"{tip}\nCtrl+click to type a number.")
    return within(chosen, low, high) if changed else value


def integer_field(label: str, value: int, low: int, high: int, tip: str) -> int:
    """Draw a field for a whole number from `low` to `high` and return the new value."""
    changed, chosen = imgui.input_int(field(label, tip), value, 0, 0)
    tooltip(tip)
    return within(chosen, low, high) if changed else value


def integer_pair(label: str, values: tuple[int, int], low: int, high: int, tip: str) -> tuple[int, int]:
    """Draw two fields for whole numbers from `low` to `high` and return the new values."""
    changed, chosen = imgui.input_int2(field(label, tip), list(values))
    tooltip(tip)
    return (within(chosen[0], low, high), within(chosen[1], low, high)) if changed else values


def number_field(label: str, value: float, low: float, high: float, tip: str, display: str = "%.2f") -> float:
    """Draw a field for a number from `low` to `high` and return the new value after every key."""
    changed, chosen = imgui.input_float(field(label, tip), value, 0, 0, display)
    tooltip(tip)
    return finite_within(chosen, low, high, value) if changed else value


def entered_number(label: str, value: float, low: float, high: float, tip: str, display: str = "%.2f") -> float | None:
    """Draw a field for a number from `low` to `high`. Return the typed value when Enter is pressed, fallback None."""
    entered, chosen = imgui.input_float(field(label, tip), value, 0, 0, display, imgui.InputTextFlags_.enter_returns_true)
    tooltip(tip)
    return finite_within(chosen, low, high, value) if entered else None


def number_pair(label: str, values: tuple[float, float], low: float, high: float, tip: str) -> tuple[float, float]:
    """Draw two fields for numbers from `low` to `high` and return the new values."""
    changed, chosen = imgui.input_float2(field(label, tip), list(values))
    tooltip(tip)
    if not changed:
        return values
    return finite_within(chosen[0], low, high, values[0]), finite_within(chosen[1], low, high, values[1])


def dragged_number(label: str, value: float, low: float, high: float, tip: str, display: str, speed: float) -> float:
    """Draw a field for a number from `low` to `high` that dragging changes by `speed` per pixel. Return the new value."""
    flags = imgui.SliderFlags_.always_clamp
    changed, chosen = imgui.drag_float(field(label, tip), value, speed, low, high, display, flags)
    tooltip(f"{tip}\n{DRAG}")
    return finite_within(chosen, low, high, value) if changed else value


def dragged_triple(
    label: str, values: tuple[float, float, float], low: float, high: float, tip: str, display: str, speed: float
) -> tuple[float, float, float]:
    """Draw three such fields side by side and return the new values. A value that was not changed keeps its precision."""
    flags = imgui.SliderFlags_.always_clamp
    changed, chosen = imgui.drag_float3(field(label, tip), list(values), speed, low, high, display, flags)
    tooltip(f"{tip}\n{DRAG}")
    if not changed:
        return values
    same = [new == np.float32(old) for new, old in zip(chosen, values, strict=True)]
    first, second, third = (
        old if kept else finite_within(new, low, high, old) for new, old, kept in zip(chosen, values, same, strict=True)
    )
    return first, second, third


def within(value: int, low: int, high: int) -> int:
    """Clamp a whole number."""
    return min(max(int(value), low), high)


def finite_within(value: float, low: float, high: float, fallback: float) -> float:
    """Clamp a number; NaN becomes `fallback`."""
    return fallback if math.isnan(value) else min(max(float(value), low), high)
