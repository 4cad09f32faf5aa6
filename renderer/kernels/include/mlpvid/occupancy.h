// Traversal of the occupied cells along a ray (docs/format.md, "Rendering"; a hierarchical DDA).
#pragma once

#include "rays.h"

MLPVID_BEGIN

// Returns the number of blocks along an axis at a coarser level, where each block spans 4^level cells.
MLPVID_FUNCTION int32 cells_at_level(int32 cells, int32 level) {
    return (cells + (1 << (2 * level)) - 1) >> (2 * level);
}

MLPVID_FUNCTION bool is_occupied(const BakedFrame& frame, int32 level, const int32* cell) {
    const int32 shift = 2 * level;
    const int32 rows = cells_at_level(frame.cells[1], level), columns = cells_at_level(frame.cells[2], level);
    const uint32 bit =
        static_cast<uint32>(((cell[0] >> shift) * rows + (cell[1] >> shift)) * columns + (cell[2] >> shift));
    return (frame.occupancy[level][bit >> 5] >> (bit & 31)) & 1;
}

// Yields the samples t_near + (k + 0.5) * step from t_first on in occupied cells. It computes points exactly as the
// reference does, and only skips samples that are certainly in an empty block.
struct OccupancyTraversal {
    float rate[3];  // cells per step
    float margin;   // steps by which a leap falls short, more than the rounding error of points
    int32 k;        // next sample

    MLPVID_FUNCTION void start(const BakedFrame& frame, const View& view, const Ray& ray, int32 first) {
        float reach = ray.t_far;
        for (int i = 0; i < 3; i++) {
            rate[i] = ray.direction[i] / frame.box_extent[i] * static_cast<float>(frame.cells[i]) * view.step;
            reach = larger(reach, magnitude(view.origin[i]));
        }
        margin = 0.01f + 1e-6f * reach / view.step;
        k = first > 0 ? first : first_sample(view, ray);
    }

    // Moves to the next sample; returns false if there is none. `point` is in [0, 1]^3, `distance` in meters.
    MLPVID_FUNCTION bool next(const BakedFrame& frame, const View& view, const Ray& ray, float* point,
                              float& distance) {
        for (;;) {
            distance = sample_distance(view, ray, k);
            if (!(distance < ray.t_far)) return false;
            float position[3];
            int32 cell[3];
            for (int i = 0; i < 3; i++) {
                const float offset = view.origin[i] + distance * ray.direction[i] - frame.box_lower[i];
                point[i] = offset / frame.box_extent[i];
                position[i] = point[i] * static_cast<float>(frame.cells[i]);
                cell[i] = smaller(larger(static_cast<int32>(position[i]), 0), frame.cells[i] - 1);
            }
            if (is_occupied(frame, 0, cell)) break;
            k += leap_over_block(frame, cell, position);
        }
        for (int i = 0; i < 3; i++) point[i] = smaller(larger(point[i], 0.0f), 1.0f);
        k++;
        return true;
    }

    // Returns how many steps lead out of the largest empty block around an empty cell.
    MLPVID_FUNCTION int32 leap_over_block(const BakedFrame& frame, const int32* cell, const float* position) const {
        int32 level = 0;
        while (level + 1 < frame.occupancy_levels && !is_occupied(frame, level + 1, cell)) level++;
        return leap(level, cell, position);
    }

    // Steps to the first sample that may lie outside the block of `level` around `cell`.
    MLPVID_FUNCTION int32 leap(int32 level, const int32* cell, const float* position) const {
        float steps = 65536.0f;
        for (int i = 0; i < 3; i++) {
            if (rate[i] == 0.0f) continue;
            const int32 lower = (cell[i] >> (2 * level)) << (2 * level);
            const int32 side = rate[i] > 0.0f ? lower + (1 << (2 * level)) : lower;
            steps = smaller(steps, (static_cast<float>(side) - position[i]) / rate[i]);
        }
        const float whole = steps - margin;
        return whole > 0.0f ? static_cast<int32>(whole) + 1 : 1;
    }
};

MLPVID_END
