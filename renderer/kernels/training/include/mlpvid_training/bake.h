// Hash tables to the 2D grids of one instant, and gradients back; see model/hash_encoding.py.
#pragma once

#include "mlpvid_training/field.h"
#include "mlpvid_training/simd_array.h"
#include "mlpvid_training/workers.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

struct TimeSlices {
    int64_t lower;  // node below the instant
    double weight;  // of the node above it
};

MLPVID_INLINE TimeSlices time_slices(const Level& level, double time) {
    const double position = time * level.time_scale;
    int64_t k = static_cast<int64_t>(position);
    if (k > level.time_resolution - 2) k = level.time_resolution - 2;
    const double s = position - static_cast<double>(k);
    return {k, s * s * (3 - 2 * s)};
}

// Entry of node (u, v) at a time node: base xor/plus what depends on v and t only, so that a row is cheap to walk.
struct RowOfEntries {
    int64_t start;
    uint32_t hash, mask;
    bool dense;

    MLPVID_INLINE RowOfEntries(const Level& level, int64_t v, int64_t t)
        : start(level.offset + (v + t * level.resolution) * level.resolution),
          hash((static_cast<uint32_t>(v) * 2654435761u) ^ (static_cast<uint32_t>(t) * 805459861u)),
          mask(static_cast<uint32_t>(level.entries - 1)),
          dense(static_cast<int64_t>(level.resolution) * level.resolution * level.time_resolution <= level.entries) {
        if (!dense) start = level.offset;
    }
    MLPVID_INLINE int64_t operator[](int64_t u) const {
        return start + (dense ? u : static_cast<int64_t>((hash ^ static_cast<uint32_t>(u)) & mask));
    }
};

template <class T, int F>
void bake_row(const Level& level, const T* table, double time, int64_t v, T* row) {
    const TimeSlices slices = time_slices(level, time);
    const RowOfEntries lower(level, v, slices.lower), upper(level, v, slices.lower + 1);
    const T above = static_cast<T>(slices.weight), below = static_cast<T>(1 - slices.weight);
    for (int64_t u = 0; u < level.resolution; ++u) {
        auto value = SimdArray<T, F>::load(table + lower[u] * F) * below;
        value.add_scaled(SimdArray<T, F>::load(table + upper[u] * F), above);
        value.store(row + u * F);
    }
}

template <class T, int F>
MLPVID_INLINE void add_to_entry(T* entry, const SimdArray<T, F>& gradient, T weight) {
    auto sum = SimdArray<T, F>::load(entry);
    sum.add_scaled(gradient, weight);
    sum.store(entry);
}

// Adds a level's grid gradient to the entries it was baked from, in node order.
template <class T, int F>
void bake_level_backward(const Level& level, const T* grid, double time, T* table) {
    const TimeSlices slices = time_slices(level, time);
    const T above = static_cast<T>(slices.weight), below = static_cast<T>(1 - slices.weight);
    for (int64_t v = 0; v < level.resolution; ++v) {
        const RowOfEntries lower(level, v, slices.lower), upper(level, v, slices.lower + 1);
        for (int64_t u = 0; u < level.resolution; ++u, grid += F) {
            bool any = false;
            for (int f = 0; f < F; ++f) any |= grid[f] != 0;
            if (!any) continue;  // most nodes: no ray of the step came by
            const auto gradient = SimdArray<T, F>::load(grid);
            add_to_entry(table + lower[u] * F, gradient, below);
            add_to_entry(table + upper[u] * F, gradient, above);
        }
    }
}

// tables [3][entries][F] to grids [3][nodes][F].
template <class T, int F>
void bake(Workers& workers, const Levels& levels, const T* tables, double time, T* grids) {
    const int tasks = kPlanes * levels.count;
    parallel(workers, tasks, [&](int64_t task) {
        const int64_t plane = task % kPlanes;
        const Level& level = levels.level[levels.count - 1 - task / kPlanes];  // the largest first
        T* grid = grids + (plane * levels.nodes + level.nodes_offset) * F;
        for (int64_t v = 0; v < level.resolution; ++v)
            bake_row<T, F>(level, tables + plane * levels.entries * F, time, v, grid + v * level.resolution * F);
    });
}

// Adds to the tables' gradient; a level of a plane is one task, so the order of sums is fixed.
template <class T, int F>
void bake_backward(Workers& workers, const Levels& levels, const T* grids, double time, T* tables) {
    const int tasks = kPlanes * levels.count;
    parallel(workers, tasks, [&](int64_t task) {
        const int64_t plane = task % kPlanes;
        const Level& level = levels.level[levels.count - 1 - task / kPlanes];
        bake_level_backward<T, F>(level, grids + (plane * levels.nodes + level.nodes_offset) * F, time,
                                  tables + plane * levels.entries * F);
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
