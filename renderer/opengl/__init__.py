"""The OpenGL renderer: any graphics card with OpenGL 3.3, nothing to install."""
