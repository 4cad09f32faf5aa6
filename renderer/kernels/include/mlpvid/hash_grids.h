// The hash features of a point (docs/format.md, "Evaluating a point", hash feature). A group of channels reads the
// grid of its level. t is fixed within a frame: baking has blended it already.
#pragma once

#include "baked_frame.h"
#include "fixed_point.h"
#include "fixed_weights.h"

MLPVID_BEGIN

// The same as smoothstep in interpolation.h.
MLPVID_FUNCTION SimdFloats smoothstep(SimdFloats s) {
    return s * s * (broadcast(3.0f) - (s + s));
}

// A point on the grids of all groups: the node at the first corner of its cell, counted from a plane's first node, and
// the weights of the nodes at u and at u + 1; each word has that of the node itself and that of the one below it.
struct GridLocation {
    alignas(64) uint32 cells[kPlanes][kChannelPairs];
    alignas(64) int32 weights[kPlanes][2 * kChannelPairs];
};

// Stores the weights of kSimdWidth groups, from the weights u and v of their upper nodes.
MLPVID_FUNCTION void store_cell_weights(SimdFloats u, SimdFloats v, int32* weights) {
    const Corners<SimdInts> w = fixed_weights(u, v);
    store_alternating(weights, pack_words(w.at00, w.at01), pack_words(w.at10, w.at11));
}

// `Channels`: of a group, that is frame.group_channels.
template <int Channels>
MLPVID_FUNCTION void locate_on_grids(const BakedFrame& frame, const float* point, GridLocation& at) {
    MLPVID_UNROLL
    for (int group = 0; group < kChannels / Channels; group += kSimdWidth) {
        const SimdFloats scale = load(frame.group_scale + group);
        const SimdInts last = load_ints(frame.group_last_corner + group);
        const SimdFloats x = broadcast(point[0]) * scale, y = broadcast(point[1]) * scale,
                         z = broadcast(point[2]) * scale;
        const SimdInts i = minimum(truncate(x), last), j = minimum(truncate(y), last), k = minimum(truncate(z), last);
        const SimdFloats u = smoothstep(x - to_float(i)), v = smoothstep(y - to_float(j)),
                         w = smoothstep(z - to_float(k));
        store_cell_weights(u, v, at.weights[0] + 2 * group);
        store_cell_weights(u, w, at.weights[1] + 2 * group);
        store_cell_weights(v, w, at.weights[2] + 2 * group);
        const SimdInts offset = load_ints(frame.group_offset + group), stride = load_ints(frame.group_stride + group);
        const SimdInts row = k * stride;
        store_words(at.cells[0] + group, offset + i + j * stride);
        store_words(at.cells[1] + group, offset + i + row);
        store_words(at.cells[2] + group, offset + j + row);
    }
}

// The sums of the channels 4 q to 4 q + 3 over all planes, as multiples of grid_scale * kWeightUnit.
template <int Channels>
MLPVID_FUNCTION SimdQuad quad_of_channels(const BakedFrame& frame, int q, const GridLocation& at) {
    CellSums sums;
    MLPVID_UNROLL
    for (int plane = 0; plane < kPlanes; plane++) {
        const uint32 *grid = frame.grids[plane], *cells = at.cells[plane] + 4 / Channels * q;
        const int32* weights = at.weights[plane] + 8 / Channels * q;
        if (Channels == 4)
            add_cell(grid + 4 * static_cast<int64>(cells[0]), weights, sums);
        else
            add_two_cells(grid + 2 * static_cast<int64>(cells[0]), grid + 2 * static_cast<int64>(cells[1]), weights,
                          sums);
    }
    return Channels == 4 ? four_channels(sums) : two_channels_each(sums);
}

// The hash features of kSimdWidth channels from `channel` on, in the same unit.
template <int Channels>
MLPVID_FUNCTION SimdInts hash_features(const BakedFrame& frame, int channel, const GridLocation& at) {
    SimdQuad quads[kSimdWidth / 4];
    MLPVID_UNROLL
    for (int i = 0; i < kSimdWidth / 4; i++) quads[i] = quad_of_channels<Channels>(frame, channel / 4 + i, at);
    return join(quads);
}

// The groups [first, end) of channels whose levels are so fine that their grids fill a second-level cache.
struct FineGroups {
    int32 first, end;
};

MLPVID_FUNCTION FineGroups find_fine_groups(const BakedFrame& frame) {
    constexpr int32 fine = 256;  // nodes along a side, 8 or 16 bytes each
    FineGroups groups = {0, kChannelPairs};
    while (groups.end > 0 && frame.group_stride[groups.end - 1] < fine) groups.end--;
    while (groups.first < groups.end && frame.group_stride[groups.first] < fine) groups.first++;
    return groups;
}

// Prefetches the cells of fine levels. Those of coarser levels, and maps, are mostly in the caches already.
template <int Channels>
MLPVID_FUNCTION void prefetch_cells(const BakedFrame& frame, const FineGroups& fine, const GridLocation& at) {
    for (int32 group = fine.first; group < fine.end; group++)
        for (int plane = 0; plane < kPlanes; plane++)
            prefetch(frame.grids[plane] + Channels * static_cast<int64>(at.cells[plane][group]));
}

namespace scalar {

// The scalar twin of hash_features: adds the hash features of a point of [0, 1]^3, in the same unit, to sums [32].
MLPVID_FUNCTION void add_hash_features(const BakedFrame& frame, const float* point, int32* sums) {
    const int32 channels = frame.group_channels;
    for (int plane = 0; plane < kPlanes; plane++)
        for (int group = 0; group < kChannels / channels; group++) {
            const int32 nodes = frame.group_last_corner[group] + 2;
            const AxisPosition<float> u = locate_on_axis(point[u_axis(plane)] * frame.group_scale[group], nodes);
            const AxisPosition<float> v = locate_on_axis(point[v_axis(plane)] * frame.group_scale[group], nodes);
            const int64 node = frame.group_offset[group] + v.lower * frame.group_stride[group] + u.lower;
            const uint32* cell = frame.grids[plane] + channels * node;
            const Corners<int32> w = fixed_weights(smoothstep(u.fraction), smoothstep(v.fraction));
            for (int c = 0; c < channels; c++)
                sums[channels * group + c] += w.at00 * low_number(cell[c]) + w.at01 * high_number(cell[c]) +
                                              w.at10 * low_number(cell[channels + c]) +
                                              w.at11 * high_number(cell[channels + c]);
        }
}

}  // namespace scalar

MLPVID_END
