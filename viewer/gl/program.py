"""Compile the window's shaders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import moderngl

SHADERS = Path(__file__).resolve().parents[2] / "shaders"


def load_program(context: moderngl.Context, vertex: str, fragment: str, constants: Mapping[str, int] = {}) -> moderngl.Program:
    """Compile shaders/VERTEX.vert and shaders/FRAGMENT.frag; `constants` are put in front of the fragment shader."""
    version, rest = _text(f"{fragment}.frag").split("\n", 1)
    defined = "\n".join([version, *(f"#define {name} {value}" for name, value in constants.items()), "#line 2", rest])
    return context.program(vertex_shader=_text(f"{vertex}.vert"), fragment_shader=defined)


def _text(name: str) -> str:
    return (SHADERS / name).read_text(encoding="utf-8")
