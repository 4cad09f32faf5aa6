"""Where a renderer gets its OpenGL context from."""

from __future__ import annotations

from typing import Protocol

import moderngl


class ContextSource(Protocol):
    """Makes and frees a context. Both methods are called in the thread that uses it."""

    def create(self) -> moderngl.Context:
        """Make the context current in the calling thread and wrap it."""

    def release(self, context: moderngl.Context) -> None:
        """Free what `create` returned."""
