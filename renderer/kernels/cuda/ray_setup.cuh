// The ray of a pixel (docs/format.md, "Rendering"; rays.h in float instead of double).
#pragma once

#include "mlpvid/rays.h"
#include "render_buffers.cuh"

MLPVID_BEGIN

MLPVID_DEVICE void ray_direction(const CameraRays& rays, const View& view, int32 x, int32 y, Ray& ray) {
    const float dx = static_cast<float>(view.column + x) + 0.5f - rays.middle_x;
    const float dy = static_cast<float>(view.row + y) + 0.5f - rays.middle_y;
    float squared = 0.0f;
    for (int i = 0; i < 3; i++) {
        ray.direction[i] = rays.base[i] + dx * rays.right[i] + dy * rays.down[i];
        squared += ray.direction[i] * ray.direction[i];
    }
    const float scale = 1.0f / sqrtf(squared);
    for (int i = 0; i < 3; i++) ray.direction[i] *= scale;
    ray.depth_per_meter = (rays.depth_base + dx * rays.depth_right + dy * rays.depth_down) * scale;
}

MLPVID_END
