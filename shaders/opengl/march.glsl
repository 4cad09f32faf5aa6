// Marching a ray: empty space, and the opacity of a sample.

uniform usampler2DArray empty_distance;  // layer x, texel (z, y): cells to the nearest occupied cell; 0: occupied
uniform ivec3 cells;
uniform float weight_threshold;   // tau2
uniform float min_transmittance;  // a ray ends at this T

ivec3 cell_of(vec3 p) {
    return clamp(ivec3(floor(p * vec3(cells))), ivec3(0), cells - 1);
}

int cells_to_occupied(ivec3 cell) {
    return int(texelFetch(empty_distance, cell.zyx, 0).r);
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
