// The samples of a ray in occupied cells, found kSimdWidth at a time ("run"). Most samples follow one another, so a run
// costs little more than one sample alone. OccupancyTraversal finds the same samples one by one: it is the scalar twin.
#pragma once

#include "feature.h"
#include "occupancy.h"

MLPVID_BEGIN

// Consecutive samples of a ray.
struct SampleRun {
    Points points;
    alignas(64) float distances[kSimdWidth];  // meters
    int32 first;                              // along the ray
    uint32 occupied;                          // bit i: sample first + i counts, that is, its cell is occupied
};

// The same as sample_distance in rays.h.
MLPVID_FUNCTION void set_distances(const View& view, const Ray& ray, SampleRun& run) {
    alignas(64) constexpr int32 places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const SimdFloats k = to_float(broadcast_int(run.first) + load_ints(places));
    store(run.distances, broadcast(ray.t_near) + (k + broadcast(0.5f)) * broadcast(view.step));
}

// Computes the points of samples from `run.first` on as OccupancyTraversal does, and returns which are in occupied
// cells.
MLPVID_FUNCTION uint32 find_occupied(const BakedFrame& frame, const View& view, const Ray& ray, SampleRun& run) {
    SimdInts index = broadcast_int(0);
    for (int i = 0; i < 3; i++) {
        const SimdFloats along = load(run.distances) * broadcast(ray.direction[i]);
        const SimdFloats offset = broadcast(view.origin[i]) + along - broadcast(frame.box_lower[i]);
        const SimdFloats point = offset / broadcast(frame.box_extent[i]), zero = broadcast(0.0f);
        const SimdFloats position = point * broadcast(static_cast<float>(frame.cells[i]));
        const SimdFloats last_cell = broadcast(static_cast<float>(frame.cells[i] - 1));
        index = index * broadcast_int(frame.cells[i]) + truncate(smaller(larger(position, zero), last_cell));
        store(run.points.at[i], smaller(larger(point, zero), broadcast(1.0f)));
    }
    alignas(64) int32 cells[kSimdWidth];
    store_ints(cells, index);
    uint32 occupied = 0;
    MLPVID_UNROLL
    for (int i = 0; i < kSimdWidth; i++) occupied |= (frame.occupancy[0][cells[i] >> 5] >> (cells[i] & 31) & 1) << i;
    return occupied;
}

// Finds one run after the other.
struct RunTraversal {
    OccupancyTraversal samples;  // samples.k: the first sample of the next run

    // Moves to the next run with an occupied cell; returns false if there is none.
    MLPVID_FUNCTION bool next(const BakedFrame& frame, const View& view, const Ray& ray, SampleRun& run) {
        int32 count = kSimdWidth;
        for (; count == kSimdWidth; samples.k += leap(frame, run)) {
            run.first = samples.k;
            set_distances(view, ray, run);
            while (count > 0 && !(run.distances[count - 1] < ray.t_far)) count--;
            run.occupied = find_occupied(frame, view, ray, run) & ((1u << count) - 1);
            if (run.occupied == 0) continue;
            samples.k += kSimdWidth;
            locate_on_maps(frame, run.points);
            return true;
        }
        return false;
    }

    // Returns how many samples from the first of an empty run on are certainly in empty cells or blocks.
    MLPVID_FUNCTION int32 leap(const BakedFrame& frame, const SampleRun& run) const {
        constexpr int last = kSimdWidth - 1;
        float position[3];
        int32 cell[3];
        for (int i = 0; i < 3; i++) {
            position[i] = run.points.at[i][last] * static_cast<float>(frame.cells[i]);
            cell[i] = smaller(static_cast<int32>(position[i]), frame.cells[i] - 1);
        }
        return last + samples.leap_over_block(frame, cell, position);
    }
};

MLPVID_END
