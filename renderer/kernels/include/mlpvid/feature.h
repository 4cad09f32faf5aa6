// The point feature F and the density sigma = relu(F . head): 16 lanes, each a pair of channels, read the same place of
// their own hash level at once; planes and density maps hold the 16 pairs of a pixel side by side.
#pragma once

#include "frame_field.h"
#include "lanes.h"

MLPVID_BEGIN

// A pair of channels in each lane.
struct Pairs {
    Lanes low, high;
};

// Weights of the four corners around a point: wUV for the corner that is U further along u and V further along v.
template <class T>
struct Corners {
    T w00, w10, w01, w11;
};

// Adds the interpolated words of a row pair: a, b at v and c, d at v + 1.
MLPVID_FUNCTION void blend(Words a, Words b, Words c, Words d, const Corners<Lanes>& w, Pairs& total) {
    total.low = fused(w.w00, low_halves(a), total.low);
    total.high = fused(w.w00, high_halves(a), total.high);
    total.low = fused(w.w10, low_halves(b), total.low);
    total.high = fused(w.w10, high_halves(b), total.high);
    total.low = fused(w.w01, low_halves(c), total.low);
    total.high = fused(w.w01, high_halves(c), total.high);
    total.low = fused(w.w11, low_halves(d), total.low);
    total.high = fused(w.w11, high_halves(d), total.high);
}

MLPVID_FUNCTION Lanes smoothstep(Lanes s) {
    return s * s * (broadcast(3.0f) - (s + s));
}

// Adds the hash features of kLanes lanes from `first` on, on one plane.
MLPVID_FUNCTION void add_grid(const FrameField& field, int plane, int first, float u, float v, Pairs& total) {
    const Lanes scale = load(field.lane_scale + first);
    const IntLanes last = load_ints(field.lane_last_corner + first);
    const IntLanes stride = load_ints(field.lane_stride + first);
    const Lanes x = broadcast(u) * scale, y = broadcast(v) * scale;
    const IntLanes column = minimum(truncate(x), last), row = minimum(truncate(y), last);
    const Lanes s = smoothstep(x - to_float(column)), t = smoothstep(y - to_float(row));
    const Lanes unit = broadcast(field.grid_unit * kHalfUnit);
    const Lanes su = s * unit, tu = t * unit;
    Corners<Lanes> w;
    w.w11 = su * t;
    w.w10 = su - w.w11;
    w.w01 = tu - w.w11;
    w.w00 = (unit - su) - w.w01;
    const IntLanes index = load_ints(field.lane_offset + first) + column + row * stride;
    Words a, b, c, d;
    gather_pairs(field.grids[plane], index, a, b);
    gather_pairs(field.grids[plane], index + stride, c, d);
    blend(a, b, c, d, w, total);
}

// Where a point lies on a map, pixel centers of the border on 0 and 1.
struct MapPosition {
    int32 pixel;   // v * resolution + u of the corner
    float fu, fv;  // fractions beyond it
};

MLPVID_FUNCTION MapPosition locate(float u, float v, int32 resolution) {
    const float x = u * static_cast<float>(resolution - 1), y = v * static_cast<float>(resolution - 1);
    const int32 column = smaller(static_cast<int32>(x), resolution - 2);
    const int32 row = smaller(static_cast<int32>(y), resolution - 2);
    return {row * resolution + column, x - static_cast<float>(column), y - static_cast<float>(row)};
}

MLPVID_FUNCTION Corners<Lanes> corner_weights(const MapPosition& at, float unit) {
    const float w11 = at.fu * at.fv;
    Corners<Lanes> w;
    w.w11 = broadcast(unit * w11);
    w.w10 = broadcast(unit * (at.fu - w11));
    w.w01 = broadcast(unit * (at.fv - w11));
    w.w00 = broadcast(unit * (1.0f - at.fu - at.fv + w11));
    return w;
}

// Adds the interpolated pixel of a map, for kLanes lanes from `first` on.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, const MapPosition& at, const Corners<Lanes>& w,
                             int first, Pairs& total) {
    const uint32* p = map + static_cast<int64>(at.pixel) * kChannelPairs + first;
    const uint32* below = p + static_cast<int64>(resolution) * kChannelPairs;
    blend(load_words(p), load_words(p + kChannelPairs), load_words(below), load_words(below + kChannelPairs), w, total);
}

// sigma at a point of [0, 1]^3, 1/m; `features` gets its 32 features, even channels first.
MLPVID_FUNCTION float density(const FrameField& field, const float* point, float* features) {
    float dot = 0.0f;
    MLPVID_UNROLL
    for (int first = 0; first < kChannelPairs; first += kLanes) {
        Pairs feature = {broadcast(0.0f), broadcast(0.0f)}, head = {broadcast(0.0f), broadcast(0.0f)};
        for (int plane = 0; plane < kPlanes; plane++) {
            const float u = point[plane == 2 ? 1 : 0], v = point[plane == 0 ? 1 : 2];
            add_grid(field, plane, first, u, v, feature);
            const MapPosition at = locate(u, v, field.feature_resolution);
            const Corners<Lanes> w = corner_weights(at, field.feature_unit * kHalfUnit);
            add_map(field.feature_planes[plane], field.feature_resolution, at, w, first, feature);
            if (field.density_maps[plane] == nullptr) continue;
            const MapPosition on = locate(u, v, field.density_resolution);
            const Corners<Lanes> h = corner_weights(on, field.density_unit * kHalfUnit);
            add_map(field.density_maps[plane], field.density_resolution, on, h, first, head);
        }
        store(features + first, feature.low);
        store(features + kChannelPairs + first, feature.high);
        dot += sum(fused(feature.high, head.high, feature.low * head.low));
    }
    return larger(dot, 0.0f);
}

MLPVID_END
