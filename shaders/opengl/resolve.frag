#version 330 core
// Writes the image from the sums of a tile. Row 0 is at the top.

#include "ray.glsl"

uniform sampler2D rgba_sum, other_sums;  // see color_pass.frag
uniform vec2 tile_corner;                // the tile's first pixel in the image

layout(location = 0) out vec4 rgba;    // premultiplied, [0, 1]
layout(location = 1) out float depth;  // meters along the optical axis, the weighted mean of the kept samples; 0: none
layout(location = 2) out uvec2 counts; // samples of both passes

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy - tile_corner);
    vec4 color = texelFetch(rgba_sum, pixel, 0), other = texelFetch(other_sums, pixel, 0);
    rgba = clamp(color, 0.0, 1.0);
    depth = color.a > 0.0 ? other.x / color.a * ray_through(gl_FragCoord.xy - tile_corner).z : 0.0;
    counts = uvec2(min(other.yz, 65535.0));
}
