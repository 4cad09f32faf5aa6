// The rays of a camera and the interval that each spends in the clipped box (docs/format.md, "Rendering"). The
// operations are the same as in renderer/reference/rays.py, one by one, so that the samples are the same.
#pragma once

#include "baked_frame.h"

MLPVID_BEGIN

struct Ray {
    float direction[3];     // unit, world axes
    float depth_per_meter;  // along the optical axis, per meter of ray
    float t_near;           // meters; samples are counted from here
    float t_first, t_far;   // only samples in [t_first, t_far) count; t_far <= t_first where there are none
};

// Returns the direction through the center of a pixel of the view's image.
MLPVID_FUNCTION void ray_direction(const View& view, int32 x, int32 y, Ray& ray) {
    const double pixel[3] = {view.column + x + 0.5, view.row + y + 0.5, 1.0};
    const double *K = view.inverse_intrinsics, *R = view.rotation;
    double local[3];
    for (int i = 0; i < 3; i++) local[i] = K[3 * i] * pixel[0] + K[3 * i + 1] * pixel[1] + K[3 * i + 2] * pixel[2];
    const double length = square_root(local[0] * local[0] + local[1] * local[1] + local[2] * local[2]);
    for (int i = 0; i < 3; i++) {
        const double along = (local[0] * R[i] + local[1] * R[3 + i] + local[2] * R[6 + i]) / length;
        ray.direction[i] = static_cast<float>(along);
    }
    ray.depth_per_meter = static_cast<float>(local[2] / length);
}

// Finds the part [t_near, t_far) of a ray that lies in the box, by the slab method. t_near is 0 for an origin inside
// the box, and t_far <= t_near for a ray that misses it. Rendering on CPU and GPU and training share it.
MLPVID_FUNCTION void clip_to_box(const float* lower, const float* upper, const float* origin, const float* direction,
                                 float& t_near, float& t_far) {
    t_near = 0.0f;
    t_far = 3.0e38f;
    for (int i = 0; i < 3; i++) {
        const float divisor = magnitude(direction[i]) < 1e-12f ? 1e-12f : direction[i];
        const float first = (lower[i] - origin[i]) / divisor, second = (upper[i] - origin[i]) / divisor;
        t_near = larger(t_near, smaller(first, second));
        t_far = smaller(t_far, larger(first, second));
    }
}

MLPVID_FUNCTION void intersect_box(const View& view, Ray& ray) {
    clip_to_box(view.clip_lower, view.clip_upper, view.origin, ray.direction, ray.t_near, ray.t_far);
    ray.t_first = larger(ray.t_near, view.depth_range[0] / ray.depth_per_meter);
    ray.t_far = smaller(ray.t_far, view.depth_range[1] / ray.depth_per_meter);
}

MLPVID_FUNCTION float sample_distance(const View& view, const Ray& ray, int32 k) {
    return ray.t_near + (static_cast<float>(k) + 0.5f) * view.step;
}

// Returns the first sample at or behind t_first.
MLPVID_FUNCTION int32 first_sample(const View& view, const Ray& ray) {
    int32 k = static_cast<int32>(larger((ray.t_first - ray.t_near) / view.step - 1.5f, 0.0f));
    while (sample_distance(view, ray, k) < ray.t_first) k++;
    return k;
}

MLPVID_FUNCTION Ray pixel_ray(const View& view, int32 x, int32 y) {
    Ray ray;
    ray_direction(view, x, y, ray);
    intersect_box(view, ray);
    return ray;
}

MLPVID_END
