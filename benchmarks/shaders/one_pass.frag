#version 330 core
// Renders a ray in one pass, with its colors computed inside the march. A design that was measured and rejected; see
// benchmarks/opengl_designs.py. Defined by the program: LEAPS (0: the ray tests every sample in empty space).

#include "ray.glsl"
#include "features.glsl"
#include "view_encoding.glsl"
#include "color_head.glsl"
#include "march.glsl"

layout(location = 0) out vec4 rgba;        // sum of w (color, 1)
layout(location = 1) out vec4 sums;        // sum of w t (meters), samples with a density, samples with a color, steps
layout(location = 2) out vec4 steps[4];    // the step, from 1, of each of the first 16 samples with a color

vec3 color_at(vec3 p, float view[VIEW_CHANNELS]) {
    vec4 F[8];
    for (int j = 0; j < 8; ++j) F[j] = point_features(p, j);
    vec3 sum = vec3(0.0);
    for (int map = 0; map < MLP_PLANES; ++map) sum += map_output(plane_uv(p, map_axes[map]), map, F, view);
    return 1.0 / (1.0 + exp(-sum));
}

void main() {
    rgba = sums = vec4(0.0);
    for (int i = 0; i < 4; ++i) steps[i] = vec4(0.0);
    Ray ray = ray_through(gl_FragCoord.xy);
    float view[VIEW_CHANNELS];
    encode_direction(ray.direction, view);
    float T = 1.0;
    int k = 0;
    while (T > min_transmittance) {
        float t = sample_distance(ray, k);
        if (!(t < ray.t_far)) break;
        sums.w += 1.0;
        vec3 p = point_at(ray, t);
        ivec3 cell = cell_of(p);
        int distance = cells_to_occupied(cell);
        if (distance > 0) {
            k = LEAPS == 1 ? sample_after_leap(ray, k, cell, distance) : k + 1;
            continue;
        }
        p = clamp(p, 0.0, 1.0);
        float optical_depth = density_at(p) * step_length;
        float w = T * opacity(optical_depth);
        if (w > weight_threshold) {
            rgba += w * vec4(color_at(p, view), 1.0);
            int kept = int(sums.z);
            if (kept < 16) steps[kept / 4][kept % 4] = sums.w;
            sums.xz += vec2(w * t, 1.0);
        }
        T *= exp(-optical_depth);
        sums.y += 1.0;
        ++k;
    }
}
