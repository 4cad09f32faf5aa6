"""Everything that touches OpenGL: context, presenter and CUDA interop."""
