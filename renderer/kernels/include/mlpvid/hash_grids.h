// The hash features of a point: 16 lanes, each a pair of channels, read the same place of their own level's grids at
// once.
#pragma once

#include "baked_frame.h"
#include "corners.h"
#include "lanes.h"

MLPVID_BEGIN

// A pair of channels in each lane.
struct Pairs {
    Lanes low, high;
};

// Adds interpolated words.
MLPVID_FUNCTION void blend(const Corners<Words>& words, const Corners<Lanes>& w, Pairs& total) {
    total.low = fused(w.at00, low_halves(words.at00), total.low);
    total.high = fused(w.at00, high_halves(words.at00), total.high);
    total.low = fused(w.at10, low_halves(words.at10), total.low);
    total.high = fused(w.at10, high_halves(words.at10), total.high);
    total.low = fused(w.at01, low_halves(words.at01), total.low);
    total.high = fused(w.at01, high_halves(words.at01), total.high);
    total.low = fused(w.at11, low_halves(words.at11), total.low);
    total.high = fused(w.at11, high_halves(words.at11), total.high);
}

MLPVID_FUNCTION Lanes smoothstep(Lanes s) {
    return s * s * (broadcast(3.0f) - (s + s));
}

// A point on the grids of all lanes: the nodes at its cells' first corners, counted from a plane's first node, and the
// weight of each coordinate's second one.
struct GridLocation {
    alignas(64) int32 cells[kPlanes][kChannelPairs];
    alignas(64) float weights[3][kChannelPairs];
};

MLPVID_FUNCTION void locate_on_grids(const BakedFrame& field, const float* point, GridLocation& at) {
    MLPVID_UNROLL
    for (int lane = 0; lane < kChannelPairs; lane += kLanes) {
        const Lanes scale = load(field.lane_scale + lane);
        const IntLanes last = load_ints(field.lane_last_corner + lane), stride = load_ints(field.lane_stride + lane);
        const Lanes x = broadcast(point[0]) * scale, y = broadcast(point[1]) * scale, z = broadcast(point[2]) * scale;
        const IntLanes i = minimum(truncate(x), last), j = minimum(truncate(y), last), k = minimum(truncate(z), last);
        store(at.weights[0] + lane, smoothstep(x - to_float(i)));
        store(at.weights[1] + lane, smoothstep(y - to_float(j)));
        store(at.weights[2] + lane, smoothstep(z - to_float(k)));
        const IntLanes offset = load_ints(field.lane_offset + lane);
        const IntLanes row = k * stride;
        store_ints(at.cells[0] + lane, offset + i + j * stride);
        store_ints(at.cells[1] + lane, offset + i + row);
        store_ints(at.cells[2] + lane, offset + j + row);
    }
}

// Adds the hash features of kLanes lanes from `lane` on, on one plane; `u` and `v` are the weights there.
MLPVID_FUNCTION void add_grid(const uint32* grid, const int32* cells, Lanes u, Lanes v, Lanes unit, Pairs& total) {
    const Lanes su = u * unit, tu = v * unit;
    Corners<Lanes> w;
    w.at11 = su * v;
    w.at10 = su - w.at11;
    w.at01 = tu - w.at11;
    w.at00 = (unit - su) - w.at01;
    blend(load_corners(grid, cells), w, total);
}

// The hash features of kLanes lanes from `lane` on.
MLPVID_FUNCTION Pairs hash_features(const BakedFrame& field, int lane, const GridLocation& at) {
    const Lanes unit = broadcast(field.grid_scale * kHalfScale);
    const Lanes x = load(at.weights[0] + lane), y = load(at.weights[1] + lane), z = load(at.weights[2] + lane);
    Pairs total = {broadcast(0.0f), broadcast(0.0f)};
    add_grid(field.grids[0], at.cells[0] + lane, x, y, unit, total);
    add_grid(field.grids[1], at.cells[1] + lane, x, z, unit, total);
    add_grid(field.grids[2], at.cells[2] + lane, y, z, unit, total);
    return total;
}

// Has the cells of fine levels brought to the caches. Those of coarser ones are mostly there, as are maps.
MLPVID_FUNCTION void prefetch_cells(const BakedFrame& field, const GridLocation& at) {
    constexpr int32 fine = 256;  // nodes along a side whose grid fills a second-level cache, 8 bytes each
    for (int lane = 0; lane < kChannelPairs; lane++) {
        if (field.lane_stride[lane] < fine) continue;
        for (int plane = 0; plane < kPlanes; plane++)
            prefetch(field.grids[plane] + 2 * static_cast<int64>(at.cells[plane][lane]));
    }
}

MLPVID_END
