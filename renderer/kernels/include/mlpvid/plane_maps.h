// Feature planes and density heads at a point (docs/format.md, "Evaluating a point", reading a feature plane). The
// channels of a pixel are adjacent in memory.
#pragma once

#include "baked_frame.h"
#include "interpolation.h"
#include "simd.h"

MLPVID_BEGIN

// The position of a point on a map.
struct MapPosition {
    int32 pixel;   // v * resolution + u of the corner
    float fu, fv;  // fractions beyond it
};

MLPVID_FUNCTION MapPosition locate(const AxisPosition<float>& u, const AxisPosition<float>& v, int32 resolution) {
    return {v.lower * resolution + u.lower, u.fraction, v.fraction};
}

// The same as corner_weights in interpolation.h, except for the order of the sums in at00. The order must not change:
// the other one rounds differently, and images must stay the same to the last bit.
MLPVID_FUNCTION Corners<SimdFloats> map_weights(const MapPosition& at) {
    const float w11 = at.fu * at.fv;
    Corners<SimdFloats> w;
    w.at11 = broadcast(w11);
    w.at10 = broadcast(at.fu - w11);
    w.at01 = broadcast(at.fv - w11);
    w.at00 = broadcast(1.0f - at.fu - at.fv + w11);
    return w;
}

// Adds kSimdWidth interpolated channels; `p` points to the corner, `row` is the number of halves from one v to the
// next.
MLPVID_FUNCTION SimdFloats add_channels(const uint16* p, int64 row, const Corners<SimdFloats>& w, SimdFloats total) {
    total = fused(w.at00, load_halves(p), total);
    total = fused(w.at10, load_halves(p + kChannels), total);
    total = fused(w.at01, load_halves(p + row), total);
    return fused(w.at11, load_halves(p + row + kChannels), total);
}

// All channels of a point, one after the other, in registers.
struct MapChannels {
    SimdFloats v[kChannels / kSimdWidth];
};

// Adds the interpolated channels of a map; the sums still have to be multiplied by the map's scale and by
// kLoadedHalfScale.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, const MapPosition& at, const Corners<SimdFloats>& w,
                             MapChannels& total) {
    const uint16* p = reinterpret_cast<const uint16*>(map) + static_cast<int64>(at.pixel) * kChannels;
    const int64 row = static_cast<int64>(resolution) * kChannels;
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kSimdWidth; i++) total.v[i] = add_channels(p + i * kSimdWidth, row, w, total.v[i]);
}

// The three coordinates of a point on maps of one resolution.
struct MapAxes {
    AxisPosition<float> axes[3];
};

MLPVID_FUNCTION MapAxes locate_on_maps(const float* point, int32 resolution) {
    return {{locate_on_map(point[0], resolution), locate_on_map(point[1], resolution),
             locate_on_map(point[2], resolution)}};
}

// Adds the point's channels of a plane's feature map, and of its density heads if it has any.
MLPVID_FUNCTION void add_maps(const BakedFrame& frame, int plane, const MapAxes& on_features, const MapAxes& on_heads,
                              MapChannels& features, MapChannels& heads) {
    const int u = u_axis(plane), v = v_axis(plane);
    MapPosition at = locate(on_features.axes[u], on_features.axes[v], frame.feature_resolution);
    Corners<SimdFloats> w = map_weights(at);
    add_map(frame.feature_planes[plane], frame.feature_resolution, at, w, features);
    if (frame.density_maps[plane] == nullptr) return;
    if (frame.density_resolution != frame.feature_resolution) {
        at = locate(on_heads.axes[u], on_heads.axes[v], frame.density_resolution);
        w = map_weights(at);
    }
    add_map(frame.density_maps[plane], frame.density_resolution, at, w, heads);
}

namespace scalar {

// The scalar twin of add_map: adds the 32 channels of a map at (u, v), in natural order.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, float scale, float u, float v, float* channels) {
    const AxisPosition<float> column = locate_on_map(u, resolution), row = locate_on_map(v, resolution);
    const Corners<float> w = corner_weights(column.fraction, row.fraction, scale);
    const float weights[4] = {w.at00, w.at10, w.at01, w.at11};
    const uint16* halves = reinterpret_cast<const uint16*>(map);
    for (int i = 0; i < 4; i++) {
        const int64 pixel = static_cast<int64>(row.lower + i / 2) * resolution + column.lower + i % 2;
        for (int c = 0; c < kChannels; c++) channels[c] += weights[i] * float_of_half(halves[pixel * kChannels + c]);
    }
}

}  // namespace scalar

MLPVID_END
