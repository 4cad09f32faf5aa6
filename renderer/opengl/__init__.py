"""The OpenGL backend. It runs on any graphics card with OpenGL 3.3 and needs no extra packages."""
