#version 330 core
// The density pass: one fragment is one ray. It marches the samples in occupied cells front to back, and keeps those whose
// weight w = T alpha exceeds tau2 for the color pass. A ray that keeps more than eight continues in the next round.

#include "ray.glsl"
#include "features.glsl"
#include "march.glsl"

uniform sampler2D previous_round;  // `round` of the previous round
uniform bool first_round;

layout(location = 0) out vec4 kept01;  // (k + 1, w) of two samples each; k + 1 = 0: no sample
layout(location = 1) out vec4 kept23;
layout(location = 2) out vec4 kept45;
layout(location = 3) out vec4 kept67;
layout(location = 4) out vec4 round;  // T, k + 1 of the next sample (0: the ray has ended), samples taken, samples kept

const int MAX_KEPT = 8;

void keep(int index, vec2 entry) {
    if (index == 0) kept01.xy = entry;
    else if (index == 1) kept01.zw = entry;
    else if (index == 2) kept23.xy = entry;
    else if (index == 3) kept23.zw = entry;
    else if (index == 4) kept45.xy = entry;
    else if (index == 5) kept45.zw = entry;
    else if (index == 6) kept67.xy = entry;
    else kept67.zw = entry;
}

void main() {
    Ray ray = ray_through(gl_FragCoord.xy);
    vec4 before = first_round ? vec4(1.0, 1.0, 0.0, 0.0) : texelFetch(previous_round, ivec2(gl_FragCoord.xy), 0);
    if (before.y == 0.0 || ray.t_far <= ray.t_first) discard;
    float T = before.x;
    int k = first_round ? first_sample(ray) : int(before.y) - 1, taken = 0, kept = 0;
    kept01 = kept23 = kept45 = kept67 = vec4(0.0);
    bool ended = false;
    while (!ended && kept < MAX_KEPT) {
        float t = sample_distance(ray, k);
        if (!(t < ray.t_far)) { ended = true; break; }
        vec3 p = point_at(ray, t);
        ivec3 cell = cell_of(p);
        int distance = cells_to_occupied(cell);
        if (distance > 0) { k = sample_after_leap(ray, k, cell, distance); continue; }
        float optical_depth = density_at(clamp(p, 0.0, 1.0)) * step_length;
        float w = T * opacity(optical_depth);
        if (w > weight_threshold) keep(kept++, vec2(float(k + 1), w));
        T *= exp(-optical_depth);
        ++taken;
        ++k;
        ended = T <= min_transmittance;
    }
    round = vec4(T, ended ? 0.0 : float(k + 1), float(taken), float(kept));
}
