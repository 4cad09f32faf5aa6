#version 330 core
// A line over the view: a rectangle around it, one instance per line.
in vec3 first;                      // pixels x and y (row 0 at the top), meters z
in vec3 second;
in vec4 color;
in float thickness;                 // pixels
in float behind;                    // relative opacity of hidden parts

uniform vec2 view_size;             // pixels

out vec2 position;                  // pixels
flat out vec3 line_first;
flat out vec3 line_second;
flat out vec4 line_color;
flat out float half_thickness;
flat out float behind_opacity;

void main() {
    vec2 along = second.xy - first.xy;
    along = dot(along, along) > 0.0 ? normalize(along) : vec2(1.0, 0.0);
    vec2 across = vec2(-along.y, along.x) * (0.5 * thickness + 1.0);
    position = ((gl_VertexID & 2) == 0 ? first.xy : second.xy) + ((gl_VertexID & 1) == 0 ? across : -across);
    line_first = first;
    line_second = second;
    line_color = color;
    half_thickness = 0.5 * thickness;
    behind_opacity = behind;
    gl_Position = vec4(position.x / view_size.x * 2.0 - 1.0, 1.0 - position.y / view_size.y * 2.0, 0.0, 1.0);
}
