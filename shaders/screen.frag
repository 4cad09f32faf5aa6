#version 330 core
// Copy the view's texture to the screen. It does nothing else, because software OpenGL has a fast path for this.
in vec2 uv;
out vec4 color;

uniform sampler2D view;

void main() {
    color = texture(view, uv);
}
