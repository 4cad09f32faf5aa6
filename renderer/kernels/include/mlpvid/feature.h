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

MLPVID_FUNCTION Corners<Lanes> corner_weights(const MapPosition& at) {
    const float w11 = at.fu * at.fv;
    Corners<Lanes> w;
    w.w11 = broadcast(w11);
    w.w10 = broadcast(at.fu - w11);
    w.w01 = broadcast(at.fv - w11);
    w.w00 = broadcast(1.0f - at.fu - at.fv + w11);
    return w;
}

// Channels as maps have them, one after the other: 2 kLanes of them.
struct Channels {
    Lanes first, second;
};

// Adds kLanes interpolated channels; `p` is at the corner, `row` the halves from one v to the next.
MLPVID_FUNCTION Lanes add_channels(const uint16* p, int64 row, const Corners<Lanes>& w, Lanes total) {
    total = fused(w.w00, load_halves(p), total);
    total = fused(w.w10, load_halves(p + kChannels), total);
    total = fused(w.w01, load_halves(p + row), total);
    return fused(w.w11, load_halves(p + row + kChannels), total);
}

// Adds the interpolated channels 2 `lane` and following of a map; too small by the map's unit and kLoadedHalfUnit.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, const MapPosition& at, const Corners<Lanes>& w,
                             int lane, Channels& total) {
    const uint16* halves = reinterpret_cast<const uint16*>(map);
    const uint16* p = halves + static_cast<int64>(at.pixel) * kChannels + 2 * lane;
    const int64 row = static_cast<int64>(resolution) * kChannels;
    total.first = add_channels(p, row, w, total.first);
    total.second = add_channels(p + kLanes, row, w, total.second);
}

MLPVID_FUNCTION Pairs in_pairs(const Channels& channels) {
    Pairs pairs;
    separate(channels.first, channels.second, pairs.low, pairs.high);
    return pairs;
}

// sigma at a point of [0, 1]^3, 1/m; `features` gets its 32 features, even channels first.
MLPVID_FUNCTION float density(const FrameField& field, const float* point, float* features) {
    const Lanes zero = broadcast(0.0f), unit = broadcast(field.feature_unit * kLoadedHalfUnit);
    float dot = 0.0f;
    MLPVID_UNROLL
    for (int lane = 0; lane < kChannelPairs; lane += kLanes) {
        Pairs hashed = {zero, zero};
        Channels mapped = {zero, zero}, heads = {zero, zero};
        for (int plane = 0; plane < kPlanes; plane++) {
            const float u = point[plane == 2 ? 1 : 0], v = point[plane == 0 ? 1 : 2];
            add_grid(field, plane, lane, u, v, hashed);
            MapPosition at = locate(u, v, field.feature_resolution);
            Corners<Lanes> w = corner_weights(at);
            add_map(field.feature_planes[plane], field.feature_resolution, at, w, lane, mapped);
            if (field.density_maps[plane] == nullptr) continue;
            if (field.density_resolution != field.feature_resolution) {
                at = locate(u, v, field.density_resolution);
                w = corner_weights(at);
            }
            add_map(field.density_maps[plane], field.density_resolution, at, w, lane, heads);
        }
        const Pairs feature = in_pairs(mapped), head = in_pairs(heads);
        const Lanes low = fused(feature.low, unit, hashed.low), high = fused(feature.high, unit, hashed.high);
        store(features + lane, low);
        store(features + kChannelPairs + lane, high);
        dot += sum(fused(high, head.high, low * head.low));
    }
    return larger(dot * (field.density_unit * kLoadedHalfUnit), 0.0f);
}

MLPVID_END
