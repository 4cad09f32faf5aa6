#version 330 core
// The color pass: computes the colors of the samples that the density pass kept, and sums them. Blending adds the sums of all
// rounds. Where the driver has compute shaders, color_pass.comp computes the colors and composite.frag sums them.

#include "ray.glsl"
#include "features.glsl"
#include "view_encoding.glsl"
#include "color_head.glsl"
#include "kept_samples.glsl"

layout(location = 0) out vec4 rgba;  // sum of w (color, 1)
layout(location = 1) out vec4 sums;  // sum of w t (meters), samples of the density pass, samples of the color pass, 0

vec3 color_at(vec3 p, float view[VIEW_CHANNELS]) {
    vec4 F[8];
    for (int j = 0; j < 8; ++j) F[j] = point_features(p, j);
    vec3 sum = vec3(0.0);
    for (int map = 0; map < MLP_PLANES; ++map) sum += map_output(plane_uv(p, map_axes[map]), map, F, view);
    return 1.0 / (1.0 + exp(-sum));
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 taken = texelFetch(round, pixel, 0);
    if (taken.z == 0.0) discard;
    Ray ray = ray_through(gl_FragCoord.xy);
    float view[VIEW_CHANNELS];
    encode_direction(ray.direction, view);
    rgba = vec4(0.0);
    sums = vec4(0.0, taken.zw, 0.0);
    for (int n = 0; n < int(taken.w); ++n) {
        vec2 entry = kept_entry(pixel, n);
        float t = kept_distance(ray, entry), w = entry.y;
        rgba += w * vec4(color_at(clamp(point_at(ray, t), 0.0, 1.0), view), 1.0);
        sums.x += w * t;
    }
}
