#version 330 core
// Sends each triangle to its layer: in OpenGL 3.3 only geometry shaders can choose a layer.

layout(triangles) in;
layout(triangle_strip, max_vertices = 3) out;

in int layer_of_vertex[];
in int instance_of_vertex[];
flat out int instance;  // counts the layers from 0, wherever they begin

void main() {
    for (int corner = 0; corner < 3; ++corner) {
        gl_Position = gl_in[corner].gl_Position;
        gl_Layer = layer_of_vertex[corner];
        instance = instance_of_vertex[corner];
        EmitVertex();
    }
    EndPrimitive();
}
