// The hash features of a point (docs/format.md, "Evaluating a point", hash feature). Each element of a register is one
// of the 16 pairs of channels and reads its own level's grid. t is fixed within a frame: baking has blended it already.
#pragma once

#include "baked_frame.h"
#include "interpolation.h"
#include "simd.h"

MLPVID_BEGIN

// A pair of channels in each pair.
struct Pairs {
    SimdFloats low, high;
};

// Adds interpolated words.
MLPVID_FUNCTION void blend(const Corners<SimdWords>& words, const Corners<SimdFloats>& w, Pairs& total) {
    total.low = fused(w.at00, low_halves(words.at00), total.low);
    total.high = fused(w.at00, high_halves(words.at00), total.high);
    total.low = fused(w.at10, low_halves(words.at10), total.low);
    total.high = fused(w.at10, high_halves(words.at10), total.high);
    total.low = fused(w.at01, low_halves(words.at01), total.low);
    total.high = fused(w.at01, high_halves(words.at01), total.high);
    total.low = fused(w.at11, low_halves(words.at11), total.low);
    total.high = fused(w.at11, high_halves(words.at11), total.high);
}

// The same as smoothstep in interpolation.h.
MLPVID_FUNCTION SimdFloats smoothstep(SimdFloats s) {
    return s * s * (broadcast(3.0f) - (s + s));
}

// A point on the grids of all pairs: the node at the first corner of its cell, counted from a plane's first node, and
// for each coordinate the weight of the upper node.
struct GridLocation {
    alignas(64) int32 cells[kPlanes][kChannelPairs];
    alignas(64) float weights[3][kChannelPairs];
};

MLPVID_FUNCTION void locate_on_grids(const BakedFrame& frame, const float* point, GridLocation& at) {
    MLPVID_UNROLL
    for (int pair = 0; pair < kChannelPairs; pair += kSimdWidth) {
        const SimdFloats scale = load(frame.pair_scale + pair);
        const SimdInts last = load_ints(frame.pair_last_corner + pair), stride = load_ints(frame.pair_stride + pair);
        const SimdFloats x = broadcast(point[0]) * scale, y = broadcast(point[1]) * scale,
                         z = broadcast(point[2]) * scale;
        const SimdInts i = minimum(truncate(x), last), j = minimum(truncate(y), last), k = minimum(truncate(z), last);
        store(at.weights[0] + pair, smoothstep(x - to_float(i)));
        store(at.weights[1] + pair, smoothstep(y - to_float(j)));
        store(at.weights[2] + pair, smoothstep(z - to_float(k)));
        const SimdInts offset = load_ints(frame.pair_offset + pair);
        const SimdInts row = k * stride;
        store_ints(at.cells[0] + pair, offset + i + j * stride);
        store_ints(at.cells[1] + pair, offset + i + row);
        store_ints(at.cells[2] + pair, offset + j + row);
    }
}

// Adds the hash features of kSimdWidth pairs from `pair` on, on one plane; `u` and `v` are the weights of its axes.
MLPVID_FUNCTION void add_grid(const uint32* grid, const int32* cells, SimdFloats u, SimdFloats v, SimdFloats scale,
                              Pairs& total) {
    blend(load_corners(grid, cells), corner_weights(u, v, scale), total);
}

// The hash features of kSimdWidth pairs from `pair` on.
MLPVID_FUNCTION Pairs hash_features(const BakedFrame& frame, int pair, const GridLocation& at) {
    const SimdFloats scale = broadcast(frame.grid_scale * kHalfScale);
    const SimdFloats x = load(at.weights[0] + pair), y = load(at.weights[1] + pair), z = load(at.weights[2] + pair);
    Pairs total = {broadcast(0.0f), broadcast(0.0f)};
    add_grid(frame.grids[0], at.cells[0] + pair, x, y, scale, total);
    add_grid(frame.grids[1], at.cells[1] + pair, x, z, scale, total);
    add_grid(frame.grids[2], at.cells[2] + pair, y, z, scale, total);
    return total;
}

// The pairs [first, end) of channels whose levels are so fine that their grids fill a second-level cache.
struct FinePairs {
    int32 first, end;
};

MLPVID_FUNCTION FinePairs find_fine_pairs(const BakedFrame& frame) {
    constexpr int32 fine = 256;  // nodes along a side, 8 bytes each
    FinePairs pairs = {0, kChannelPairs};
    while (pairs.end > 0 && frame.pair_stride[pairs.end - 1] < fine) pairs.end--;
    while (pairs.first < pairs.end && frame.pair_stride[pairs.first] < fine) pairs.first++;
    return pairs;
}

// Prefetches the cells of fine levels. Those of coarser levels, and maps, are mostly in the caches already.
MLPVID_FUNCTION void prefetch_cells(const BakedFrame& frame, const FinePairs& fine, const GridLocation& at) {
    for (int32 pair = fine.first; pair < fine.end; pair++)
        for (int plane = 0; plane < kPlanes; plane++)
            prefetch(frame.grids[plane] + 2 * static_cast<int64>(at.cells[plane][pair]));
}

namespace scalar {

// The scalar twin of hash_features: adds the hash features of a point of [0, 1]^3, even channels first.
MLPVID_FUNCTION void add_hash_features(const BakedFrame& frame, const float* point, float* features) {
    for (int plane = 0; plane < kPlanes; plane++)
        for (int pair = 0; pair < kChannelPairs; pair++) {
            const int32 nodes = frame.pair_last_corner[pair] + 2;
            const AxisPosition<float> u = locate_on_axis(point[u_axis(plane)] * frame.pair_scale[pair], nodes);
            const AxisPosition<float> v = locate_on_axis(point[v_axis(plane)] * frame.pair_scale[pair], nodes);
            const int64 node = frame.pair_offset[pair] + v.lower * frame.pair_stride[pair] + u.lower;
            const uint32* cell = frame.grids[plane] + 2 * node;
            const Corners<float> w = corner_weights(smoothstep(u.fraction), smoothstep(v.fraction), frame.grid_scale);
            const float weights[4] = {w.at00, w.at01, w.at10, w.at11};
            for (int i = 0; i < 4; i++) {
                features[pair] += weights[i] * float_of_half(cell[i] & 0xFFFFu);
                features[kChannelPairs + pair] += weights[i] * float_of_half(cell[i] >> 16);
            }
        }
}

}  // namespace scalar

MLPVID_END
