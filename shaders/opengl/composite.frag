#version 430 core
// Sums the colored samples of a ray. Blending adds the sums of all rounds. See color_pass.comp.

#include "ray.glsl"
#include "kept_samples.glsl"
#include "render_buffers.glsl"

uniform usampler2D first_samples;  // a pixel's first place in the list

layout(location = 0) out vec4 rgba;  // as in color_pass.frag
layout(location = 1) out vec4 sums;

vec3 color_of(uint index, vec3 p) {
    vec3 sum = vec3(0.0);
    for (int item = 0; item < ITEMS; ++item)
        sum += head_of_item(p, item).weight * outputs[index * uint(ITEMS) + uint(item)].rgb;
    return 1.0 / (1.0 + exp(-sum));
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 taken = texelFetch(round, pixel, 0);
    if (taken.z == 0.0) discard;
    Ray ray = ray_through(gl_FragCoord.xy);
    rgba = vec4(0.0);
    sums = vec4(0.0, taken.zw, 0.0);
    uint first = texelFetch(first_samples, pixel, 0).r;
    for (int n = 0; n < int(taken.w); ++n) {
        vec2 entry = kept_entry(pixel, n);
        float t = kept_distance(ray, entry), w = entry.y;
        rgba += w * vec4(color_of(first + uint(n), clamp(point_at(ray, t), 0.0, 1.0)), 1.0);
        sums.x += w * t;
    }
}
