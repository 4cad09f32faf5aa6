"""From a rendered image to the pixels and lines of a view, without OpenGL."""
