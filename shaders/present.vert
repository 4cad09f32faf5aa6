#version 330 core
// One triangle that covers the view; `uv` runs from (0, 0) at the top left to (1, 1) at the bottom right.
out vec2 uv;

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    uv = corner;
    gl_Position = vec4(corner.x * 2.0 - 1.0, 1.0 - corner.y * 2.0, 0.0, 1.0);
}
