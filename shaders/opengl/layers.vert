#version 330 core
// One instance per layer of a texture array: a quad over the rectangle to write.

uniform ivec4 rectangle;  // x, y, width and height, texels
uniform ivec2 target_size;
uniform int first_layer;

out int layer_of_vertex;
out int instance_of_vertex;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    vec2 texel = vec2(rectangle.xy) + corner * vec2(rectangle.zw);
    gl_Position = vec4(2.0 * texel / vec2(target_size) - 1.0, 0.0, 1.0);
    layer_of_vertex = first_layer + gl_InstanceID;
    instance_of_vertex = gl_InstanceID;
}
