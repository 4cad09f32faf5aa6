// The feature and density of a point, computed by one thread with all 32 channels in registers (docs/format.md,
// "Evaluating a point"). Maps are read 128 bits at a time.
#pragma once

#include "mlpvid/interpolation.h"
#include "render_buffers.cuh"

MLPVID_BEGIN

// The weights of four corners, each twice in a word, and the factor on what is interpolated with them.
struct HalfCorners {
    uint32 at00, at10, at01, at11;
    float scale;
};

MLPVID_DEVICE HalfCorners half_corners(float u, float v, float scale) {
    const Corners<float> w = corner_weights(u, v, 1.0f);
    return {half_pair(w.at00), half_pair(w.at10), half_pair(w.at01), half_pair(w.at11), scale};
}

// Adds interpolated words. The corners are blended in half precision, both channels of a word at once: a fourth of the
// instructions of the whole pass are saved. Sums of levels, planes and products are floats.
MLPVID_DEVICE void blend(uint32 a, uint32 b, uint32 c, uint32 d, const HalfCorners& w, float& low, float& high) {
    uint32 sum = multiply_halves(a, w.at00);
    sum = multiply_add_halves(b, w.at10, sum);
    sum = multiply_add_halves(c, w.at01, sum);
    sum = multiply_add_halves(d, w.at11, sum);
    low += w.scale * low_half(sum);
    high += w.scale * high_half(sum);
}

// Adds a plane's hash features to totals[channel]. The GPU's grids hold at (v, u) the words of the four corners (u, v),
// (u + 1, v), (u, v + 1), (u + 1, v + 1): one load per level instead of four.
MLPVID_DEVICE void add_grid(const BakedFrame& frame, int plane, float u, float v, float* totals) {
    const uint4* cells = reinterpret_cast<const uint4*>(frame.grids[plane]);
    MLPVID_UNROLL
    for (int pair = 0; pair < kChannelPairs; pair++) {
        const int32 nodes = frame.group_last_corner[pair] + 2;
        const AxisPosition<float> column = locate_on_axis(u * frame.group_scale[pair], nodes);
        const AxisPosition<float> row = locate_on_axis(v * frame.group_scale[pair], nodes);
        const uint4 cell =
            __ldg(cells + frame.group_offset[pair] + row.lower * frame.group_stride[pair] + column.lower);
        const HalfCorners w = half_corners(smoothstep(column.fraction), smoothstep(row.fraction), frame.grid_scale);
        blend(cell.x, cell.y, cell.z, cell.w, w, totals[2 * pair], totals[2 * pair + 1]);
    }
}

// The position of the four pixels around a point on a map, and their weights.
struct MapCorners {
    const uint4 *above, *below;
    HalfCorners w;

    // Adds the eight interpolated channels that start at 8 i to totals.
    MLPVID_DEVICE void add(int i, float* totals) const {
        const uint4 a = __ldg(above + i), b = __ldg(above + kChannelPairs / 4 + i);
        const uint4 c = __ldg(below + i), d = __ldg(below + kChannelPairs / 4 + i);
        blend(a.x, b.x, c.x, d.x, w, totals[0], totals[1]);
        blend(a.y, b.y, c.y, d.y, w, totals[2], totals[3]);
        blend(a.z, b.z, c.z, d.z, w, totals[4], totals[5]);
        blend(a.w, b.w, c.w, d.w, w, totals[6], totals[7]);
    }
};

// The position of a point on a map.
struct MapPosition {
    int32 pixel;   // v * resolution + u of the corner
    float fu, fv;  // fractions beyond it
};

MLPVID_DEVICE MapPosition locate(const AxisPosition<float>& u, const AxisPosition<float>& v, int32 resolution) {
    return {v.lower * resolution + u.lower, u.fraction, v.fraction};
}

MLPVID_DEVICE MapCorners corners_on(const uint32* map, int32 resolution, float scale, float u, float v) {
    const MapPosition at = locate(locate_on_map(u, resolution), locate_on_map(v, resolution), resolution);
    const uint4* above = reinterpret_cast<const uint4*>(map) + static_cast<int64>(at.pixel) * (kChannelPairs / 4);
    return {above, above + static_cast<int64>(resolution) * (kChannelPairs / 4), half_corners(at.fu, at.fv, scale)};
}

// Coordinates are chosen by comparison: an index that is not known at compile time would put the point into slow local
// memory.
MLPVID_DEVICE void features_of(const BakedFrame& frame, const float* point, float (&features)[kChannels]) {
    MLPVID_UNROLL
    for (int c = 0; c < kChannels; c++) features[c] = 0.0f;
    MLPVID_NO_UNROLL
    for (int plane = 0; plane < kPlanes; plane++) {
        const float u = u_axis(plane) == 1 ? point[1] : point[0], v = v_axis(plane) == 1 ? point[1] : point[2];
        add_grid(frame, plane, u, v, features);
        const MapCorners map =
            corners_on(frame.feature_planes[plane], frame.feature_resolution, frame.feature_scale, u, v);
        MLPVID_UNROLL
        for (int i = 0; i < kChannels / 8; i++) map.add(i, features + 8 * i);
    }
}

// sigma at a point of [0, 1]^3, 1/m; `features` gets its 32 features in natural order. The features come first, so that
// the density head takes no registers: each of its interpolated channels goes into the product at once.
MLPVID_DEVICE float density_of(const BakedFrame& frame, const float* point, float (&features)[kChannels]) {
    features_of(frame, point, features);
    float dot = 0.0f;
    MLPVID_NO_UNROLL
    for (int plane = 0; plane < kPlanes; plane++) {
        if (frame.density_maps[plane] == nullptr) continue;
        const float u = u_axis(plane) == 1 ? point[1] : point[0], v = v_axis(plane) == 1 ? point[1] : point[2];
        const MapCorners map =
            corners_on(frame.density_maps[plane], frame.density_resolution, frame.density_scale, u, v);
        MLPVID_UNROLL
        for (int i = 0; i < kChannels / 8; i++) {
            float head[8] = {};
            map.add(i, head);
            MLPVID_UNROLL
            for (int c = 0; c < 8; c++) dot += features[8 * i + c] * head[c];
        }
    }
    return larger(dot, 0.0f);
}

MLPVID_END
