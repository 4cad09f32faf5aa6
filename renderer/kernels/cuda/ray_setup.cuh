// Rays of the image's pixels.
#pragma once

#include "mlpvid/rays.h"
#include "render_buffers.cuh"

MLPVID_BEGIN

MLPVID_DEVICE void aim(const RayFrame& frame, const View& view, int32 x, int32 y, Ray& ray) {
    const float dx = static_cast<float>(view.column + x) + 0.5f - frame.middle_x;
    const float dy = static_cast<float>(view.row + y) + 0.5f - frame.middle_y;
    float squared = 0.0f;
    for (int i = 0; i < 3; i++) {
        ray.direction[i] = frame.base[i] + dx * frame.right[i] + dy * frame.down[i];
        squared += ray.direction[i] * ray.direction[i];
    }
    const float scale = 1.0f / sqrtf(squared);
    for (int i = 0; i < 3; i++) ray.direction[i] *= scale;
    ray.depth_per_meter = (frame.depth_base + dx * frame.depth_right + dy * frame.depth_down) * scale;
}

MLPVID_END
