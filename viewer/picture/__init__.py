"""Turn a rendered image into the pixels and lines of a view, without OpenGL."""
