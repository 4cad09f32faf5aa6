#version 330 core
// Draw a line over the view, with smooth edges. Where the scene is in front of it, it is dimmed.
//
// Constants are put in front of this file, because software OpenGL computes both sides of a branch.
//   SPLIT  0: image a hides lines everywhere, 1: image a left of the divider, image b right of it
in vec2 position;
flat in vec3 line_first;
flat in vec3 line_second;
flat in vec4 line_color;
flat in float half_thickness;
flat in float behind_opacity;
out vec4 color;

uniform sampler2D opacity_a;        // its alpha is the scene's opacity
uniform sampler2D depth_a;          // meters, row 0 at the top
uniform sampler2D opacity_b;        // of the second image
uniform sampler2D depth_b;
uniform float divider;              // 0 to 1: image a left of it, image b right of it
uniform vec2 view_size;             // pixels
uniform float slack;                // meters
uniform float surface_opacity;      // what is less opaque hides nothing

bool hidden(float meters, sampler2D opacity, sampler2D depth) {
    ivec2 texels = textureSize(depth, 0);
    ivec2 texel = clamp(ivec2(position / view_size * vec2(texels)), ivec2(0), texels - 1);
    return texelFetch(opacity, texel, 0).a >= surface_opacity && meters > texelFetch(depth, texel, 0).r + slack;
}

void main() {
    vec2 way = line_second.xy - line_first.xy;
    vec2 from_first = position - line_first.xy;
    float part = clamp(dot(from_first, way) / max(dot(way, way), 1e-12), 0.0, 1.0);
    float coverage = clamp(half_thickness + 0.5 - length(from_first - part * way), 0.0, 1.0);
    float meters = 1.0 / mix(1.0 / line_first.z, 1.0 / line_second.z, part);  // 1 / z is linear on the screen
    bool away = hidden(meters, opacity_a, depth_a);
#if SPLIT
    if (position.x >= divider * view_size.x) away = hidden(meters, opacity_b, depth_b);
#endif
    color = vec4(line_color.rgb, line_color.a * coverage * (away ? behind_opacity : 1.0));
}
