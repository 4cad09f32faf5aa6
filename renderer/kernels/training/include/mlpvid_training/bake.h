// Bake hash tables into the 2D grids of one time, and propagate gradients back (docs/format.md, "Evaluating a point",
// hash feature; model/hash_encoding.py).
#pragma once

#include "mlpvid/interpolation.h"
#include "mlpvid_training/field.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

struct TimeSlices {
    int64_t lower;  // node below the instant
    double weight;  // of the node above it
};

MLPVID_FUNCTION TimeSlices time_slices(const Level& level, double time) {
    const AxisPosition<double> at = locate_on_axis(time * level.time_scale, level.time_resolution);
    return {at.lower, smoothstep(at.fraction)};
}

// The entries of a row of nodes at one node along t.
struct RowOfEntries {
    HashLevel level;  // a copy: a reference would be read again after each write to memory
    uint32 row;

    MLPVID_FUNCTION RowOfEntries(const HashLevel& level, int64_t v, int64_t t)
        : level(level), row(entry_row(level, static_cast<int32>(v), static_cast<int32>(t))) {}
    // Returns the index in the plane's table.
    MLPVID_FUNCTION int64_t operator[](int64_t u) const {
        return level.offset + entry_index(level, row, static_cast<int32>(u));
    }
};

template <class T, int F>
void bake_row(const Level& level, const T* table, double time, int64_t v, T* row) {
    const TimeSlices slices = time_slices(level, time);
    const RowOfEntries lower(level.hash, v, slices.lower), upper(level.hash, v, slices.lower + 1);
    const T above = static_cast<T>(slices.weight), below = static_cast<T>(1 - slices.weight);
    for (int64_t u = 0; u < level.hash.resolution; ++u) {
        auto value = SimdArray<T, F>::load(table + lower[u] * F) * below;
        value.add_scaled(SimdArray<T, F>::load(table + upper[u] * F), above);
        value.store(row + u * F);
    }
}

template <class T, int F>
MLPVID_FUNCTION void add_to_entry(T* entry, const SimdArray<T, F>& gradient, T weight) {
    auto sum = SimdArray<T, F>::load(entry);
    sum.add_scaled(gradient, weight);
    sum.store(entry);
}

// Adds the gradient of a level's grid to that of the entries it was baked from, in the order of nodes. Calls
// touch(entry) for each of them, with the index in the plane's table.
template <class T, int F, class Touch>
MLPVID_FUNCTION void bake_level_backward(const Level& level, const T* grid, double time, T* table, Touch&& touch) {
    const TimeSlices slices = time_slices(level, time);
    const T above = static_cast<T>(slices.weight), below = static_cast<T>(1 - slices.weight);
    for (int64_t v = 0; v < level.hash.resolution; ++v) {
        const RowOfEntries lower(level.hash, v, slices.lower), upper(level.hash, v, slices.lower + 1);
        for (int64_t u = 0; u < level.hash.resolution; ++u, grid += F) {
            bool any = false;
            for (int f = 0; f < F; ++f) any |= grid[f] != 0;
            if (!any) continue;  // most nodes: no ray of the step needed them
            const auto gradient = SimdArray<T, F>::load(grid);
            const int64_t before = lower[u], after = upper[u];
            add_to_entry(table + before * F, gradient, below);
            add_to_entry(table + after * F, gradient, above);
            touch(before);
            touch(after);
        }
    }
}

// Bakes tables [3][entries][F] to grids [3][nodes][F].
template <class T, int F>
void bake(ThreadPool& pool, const Levels& levels, const T* tables, double time, T* grids) {
    const int tasks = kPlanes * levels.count;
    parallel(pool, tasks, [&](int64_t task, int) {
        const int64_t plane = task % kPlanes;
        const Level& level = levels.level[levels.count - 1 - task / kPlanes];  // the largest levels first
        T* grid = grids + (plane * levels.nodes + level.nodes_offset) * F;
        for (int64_t v = 0; v < level.hash.resolution; ++v)
            bake_row<T, F>(level, tables + plane * levels.entries * F, time, v, grid + v * level.hash.resolution * F);
    });
}

// Adds to the gradient of the tables. A level of a plane is one task, so the order of sums is fixed.
template <class T, int F>
void bake_backward(ThreadPool& pool, const Levels& levels, const T* grids, double time, T* tables) {
    const int tasks = kPlanes * levels.count;
    parallel(pool, tasks, [&](int64_t task, int) {
        const int64_t plane = task % kPlanes;
        const Level& level = levels.level[levels.count - 1 - task / kPlanes];
        bake_level_backward<T, F>(level, grids + (plane * levels.nodes + level.nodes_offset) * F, time,
                                  tables + plane * levels.entries * F, [](int64_t) {});
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
