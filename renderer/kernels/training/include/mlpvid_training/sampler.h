// Stratified samples on rays, inside a box and inside the occupied cells of a bit volume (docs/format.md, "Rendering",
// with jitter).
#pragma once

#include <cstdint>

#include "mlpvid/rays.h"
#include "mlpvid_training/arguments.h"
#include "mlpvid_training/random.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

// Writes the distances of a ray's samples; returns their number.
inline int64_t sample_ray(const SamplerInput& in, int64_t ray, float* distances) {
    const float *origin = in.origins + 3 * ray, *direction = in.directions + 3 * ray;
    float near, far, start[3], slope[3];
    clip_to_box(in.lower, in.upper, origin, direction, near, far);
    for (int a = 0; a < 3; ++a) {
        const float cells = static_cast<float>(in.resolution[a]) / (in.upper[a] - in.lower[a]);
        start[a] = (origin[a] - in.lower[a]) * cells;
        slope[a] = direction[a] * cells;
    }
    int64_t count = 0;
    for (int64_t k = 0; k < in.slots; ++k) {
        const float within = in.jitter ? random_unit(in.seed, static_cast<uint64_t>(ray * in.slots + k)) : 0.5f;
        const float t = near + (static_cast<float>(k) + within) * in.step;
        if (!(t < far)) break;
        int64_t cell = 0;
        for (int a = 0; a < 3; ++a) {
            int index = static_cast<int>(start[a] + t * slope[a]);
            index = index < 0 ? 0 : (index > in.resolution[a] - 1 ? in.resolution[a] - 1 : index);
            cell = cell * in.resolution[a] + index;
        }
        distances[count] = t;
        count += in.cells[cell] != 0;
    }
    return count;
}

// First round: writes distances [R][slots], of which each ray fills the first ones, and offsets [R + 1]. Returns the
// number of samples.
inline int64_t sample_rays(ThreadPool& pool, const SamplerInput& in, float* distances, int64_t* offsets) {
    parallel(pool, (in.rays + 63) / 64, [&](int64_t task, int) {
        for (int64_t ray = 64 * task; ray < in.rays && ray < 64 * (task + 1); ++ray)
            offsets[ray + 1] = sample_ray(in, ray, distances + ray * in.slots);
    });
    offsets[0] = 0;
    for (int64_t ray = 0; ray < in.rays; ++ray) offsets[ray + 1] += offsets[ray];
    return offsets[in.rays];
}

// Second round: writes points [P][3] in [0, 1]^3 of the box.
inline void place_points(ThreadPool& pool, const SamplerInput& in, const float* distances, const int64_t* offsets,
                         float* points) {
    parallel(pool, (in.rays + 63) / 64, [&](int64_t task, int) {
        for (int64_t ray = 64 * task; ray < in.rays && ray < 64 * (task + 1); ++ray)
            for (int64_t i = offsets[ray]; i < offsets[ray + 1]; ++i)
                for (int a = 0; a < 3; ++a) {
                    const float t = distances[ray * in.slots + i - offsets[ray]];
                    const float p = (in.origins[3 * ray + a] + t * in.directions[3 * ray + a] - in.lower[a]) /
                                    (in.upper[a] - in.lower[a]);
                    points[3 * i + a] = p < 0 ? 0 : (p > 1 ? 1 : p);
                }
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
