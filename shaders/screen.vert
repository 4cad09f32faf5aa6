#version 330 core
// A rectangle that fills the viewport; `uv` runs from (0, 0) at the bottom left to (1, 1) at the top right.
//
// Software OpenGL copies rectangles much faster than triangles that reach beyond the viewport.
out vec2 uv;

void main() {
    uv = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
