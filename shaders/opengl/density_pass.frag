#version 330 core
// The density pass: one fragment is one ray. It marches the samples in occupied cells front to back, and keeps those whose
// weight w = T alpha exceeds tau2 for the color pass. A ray that keeps more than eight goes on in the next round.

#include "ray.glsl"
#include "features.glsl"

uniform usampler2DArray empty_distance;  // layer x, texel (z, y): cells to the nearest occupied cell; 0: occupied
uniform sampler2D previous_round;        // `round` of the previous round
uniform bool first_round;
uniform ivec3 cells;
uniform float weight_threshold;   // tau2
uniform float min_transmittance;  // a ray ends at this T

layout(location = 0) out vec4 kept01;  // (k + 1, w) of two samples each; k + 1 = 0: no sample
layout(location = 1) out vec4 kept23;
layout(location = 2) out vec4 kept45;
layout(location = 3) out vec4 kept67;
layout(location = 4) out vec4 round;  // T, k + 1 of the sample to go on with (0: the ray has ended), samples taken, samples kept

const int MAX_KEPT = 8;

ivec3 cell_of(vec3 p) {
    return clamp(ivec3(floor(p * vec3(cells))), ivec3(0), cells - 1);
}

// The next sample to test. All cells nearer than `distance` to an empty cell are empty, so the ray skips to where it leaves
// their cube. Rounding down may test one sample too many, but never skips one that counts.
int sample_after_leap(Ray ray, int k, ivec3 cell, int distance) {
    vec3 lower = vec3(cell - distance + 1), upper = vec3(cell + distance);
    vec3 face = mix(lower, upper, greaterThan(ray.direction, vec3(0.0))) / vec3(cells) * box_extent;
    vec3 leave = (face - origin) / ray.direction;
    float t = min(leave.x, min(leave.y, leave.z));
    return max(k + 1, int(floor(min((t - ray.t_near) / step_length - 0.5, 1e7))));
}

float opacity(float optical_depth) {  // 1 - exp(-x); the subtraction would lose the digits of a small x
    float x = optical_depth;
    return x < 0.03 ? x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0))) : 1.0 - exp(-x);
}

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
    if (before.y == 0.0 || ray.t_far <= ray.t_near) discard;
    float T = before.x;
    int k = int(before.y) - 1, taken = 0, kept = 0;
    kept01 = kept23 = kept45 = kept67 = vec4(0.0);
    bool ended = false;
    while (!ended && kept < MAX_KEPT) {
        float t = sample_distance(ray, k);
        if (!(t < ray.t_far)) { ended = true; break; }
        vec3 p = point_at(ray, t);
        ivec3 cell = cell_of(p);
        int distance = int(texelFetch(empty_distance, cell.zyx, 0).r);
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
