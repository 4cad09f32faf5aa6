"""Compile the shaders of shaders/opengl: resolve includes, add definitions, set uniforms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import moderngl

from renderer.backend import DeviceFailed

SHADERS = Path(__file__).resolve().parents[2] / "shaders" / "opengl"
"""The folder of the sources."""

Definitions = Mapping[str, int]
"""Name -> value of the preprocessor symbols that a program is compiled with."""


def shader_source(name: str, definitions: Definitions) -> str:
    """Read a shader, put the definitions after its version line and replace each `#include "FILE"` with the file, once."""
    version, body = _read(name, set()).split("\n", 1)
    symbols = "".join(f"#define {symbol} {value}\n" for symbol, value in definitions.items())
    return f"{version}\n{symbols}{body}"


def _read(name: str, seen: set[str]) -> str:
    if name in seen:
        return ""
    seen.add(name)
    text = (SHADERS / name).read_text(encoding="utf-8")
    return re.sub(r'^#include "([^"]+)"$', lambda match: _read(match[1], seen), text, flags=re.MULTILINE)


class _Compiled:
    """A compiled program: its uniforms and textures.

    Raises:
        DeviceFailed: the driver rejects the shader; the message contains the driver's own.
    """

    def __init__(self, name: str, compile_: Callable[[], moderngl.Program | moderngl.ComputeShader]) -> None:
        try:
            self._program = compile_()
        except moderngl.Error as error:
            raise DeviceFailed(f"shader {name}", f"is rejected by the graphics driver: {error}", "use --backend cpu") from error

    def set(self, **uniforms: object) -> None:
        """Set uniforms by name; those that the compiler removed are skipped."""
        for name, value in uniforms.items():
            member = self._program.get(name, None)
            if member is None:
                continue
            if isinstance(value, bytes):
                member.write(value)  # type: ignore[union-attr]
            elif isinstance(value, list):  # compilers shorten arrays whose last elements no shader reads
                member.value = value[: member.array_length] if member.array_length > 1 else value[0]  # type: ignore[union-attr]
            else:
                member.value = value  # type: ignore[union-attr]

    def bind(self, **textures: moderngl.Texture | moderngl.TextureArray) -> None:
        """Bind textures to the samplers of these names."""
        for unit, (name, texture) in enumerate(textures.items()):
            if self._program.get(name, None) is not None:
                texture.use(unit)
                self._program[name].value = unit  # type: ignore[union-attr]


class Program(_Compiled):
    """A program that draws without vertex buffers.

    Args:
        context: where it is compiled.
        fragment: file name of the fragment shader.
        definitions: its preprocessor symbols.
        layered: whether it draws into layers of texture arrays (layers.vert, layers.geom), one per instance.
    """

    def __init__(self, context: moderngl.Context, fragment: str, definitions: Definitions, layered: bool = False) -> None:
        def compile_() -> moderngl.Program:
            return context.program(
                vertex_shader=shader_source("layers.vert" if layered else "fullscreen.vert", {}),
                geometry_shader=shader_source("layers.geom", {}) if layered else None,
                fragment_shader=shader_source(fragment, definitions),
            )

        super().__init__(fragment, compile_)
        self._array = context.vertex_array(self._program, [])
        self._layered = layered

    def draw(self, instances: int = 1) -> None:
        """Draw over the whole viewport, or once per layer if `layered`."""
        if self._layered:
            self._array.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=instances)
        else:
            self._array.render(moderngl.TRIANGLES, vertices=3)


class ComputeProgram(_Compiled):
    """A compute shader; it needs OpenGL 4.3.

    Args:
        context: where it is compiled.
        name: file name of the shader.
        definitions: its preprocessor symbols.
    """

    _program: moderngl.ComputeShader

    def __init__(self, context: moderngl.Context, name: str, definitions: Definitions) -> None:
        super().__init__(name, lambda: context.compute_shader(shader_source(name, definitions)))
        self._context = context

    def run(self, columns: int, rows: int = 1, layers: int = 1) -> None:
        """Run some work groups. What they write can be read afterwards."""
        self._program.run(columns, rows, layers)
        self._context.memory_barrier()

    def run_indirect(self, groups: moderngl.Buffer, offset: int) -> None:
        """Run as many work groups as three numbers in a buffer say."""
        self._program.run_indirect(groups, offset)
        self._context.memory_barrier()


class SharedPrograms:
    """Programs of one context that several users share, because compiling takes long. Each user sets all uniforms anew.

    Args:
        context: where they are compiled; current in the calling thread whenever a method is called.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._compute: dict[tuple[str, frozenset[tuple[str, int]]], ComputeProgram] = {}
        self._layered: dict[tuple[str, frozenset[tuple[str, int]]], Program] = {}

    def compute(self, name: str, definitions: Definitions) -> ComputeProgram:
        """Return a compute shader; see `ComputeProgram`."""
        key = name, frozenset(definitions.items())
        if key not in self._compute:
            self._compute[key] = ComputeProgram(self._context, name, definitions)
        return self._compute[key]

    def layered(self, fragment: str, definitions: Definitions) -> Program:
        """Return a program that draws into layers; see `Program`."""
        key = fragment, frozenset(definitions.items())
        if key not in self._layered:
            self._layered[key] = Program(self._context, fragment, definitions, layered=True)
        return self._layered[key]
