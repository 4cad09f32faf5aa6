#version 330 core
// The color pass: computes the colors of the samples that the density pass kept, and sums them. Blending adds the sums of all
// rounds.

#include "ray.glsl"
#include "features.glsl"
#include "view_encoding.glsl"
#include "color_head.glsl"

uniform sampler2D kept01, kept23, kept45, kept67, round;  // see density_pass.frag
uniform int color_map_resolution;

layout(location = 0) out vec4 rgba;  // sum of w (color, 1)
layout(location = 1) out vec4 sums;  // sum of w t (meters), samples of the density pass, samples of the color pass, 0

vec3 color_at(vec3 p, float view[VIEW_CHANNELS]) {
    vec4 F[8];
    for (int j = 0; j < 8; ++j) F[j] = point_features(p, j);
    vec3 sum = vec3(0.0);
    for (int map = 0; map < MLP_PLANES; ++map)
        sum += map_output(plane_uv(p, map_axes[map]), map, color_map_resolution, F, view);
    return 1.0 / (1.0 + exp(-sum));
}

vec4 kept_pair(int pair) {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    if (pair == 0) return texelFetch(kept01, pixel, 0);
    if (pair == 1) return texelFetch(kept23, pixel, 0);
    if (pair == 2) return texelFetch(kept45, pixel, 0);
    return texelFetch(kept67, pixel, 0);
}

void main() {
    vec4 taken = texelFetch(round, ivec2(gl_FragCoord.xy), 0);
    if (taken.z == 0.0) discard;
    Ray ray = ray_through(gl_FragCoord.xy);
    float view[VIEW_CHANNELS];
    encode_direction(ray.direction, view);
    rgba = vec4(0.0);
    sums = vec4(0.0, taken.zw, 0.0);
    for (int n = 0; n < int(taken.w); ++n) {
        vec4 pair = kept_pair(n >> 1);
        vec2 entry = (n & 1) == 0 ? pair.xy : pair.zw;
        float t = sample_distance(ray, int(entry.x) - 1), w = entry.y;
        rgba += w * vec4(color_at(clamp(point_at(ray, t), 0.0, 1.0), view), 1.0);
        sums.x += w * t;
    }
}
