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

// Where kSimdWidth points lie on the maps of all planes. A vector operation finds one number of all of them, so this
// costs less than finding each point on its own.
struct MapPlaces {
    alignas(64) int32 pixels[kPlanes][kSimdWidth];                           // v * resolution + u of the corner
    alignas(64) float at00[kPlanes][kSimdWidth], at10[kPlanes][kSimdWidth];  // the weights of the corners
    alignas(64) float at01[kPlanes][kSimdWidth], at11[kPlanes][kSimdWidth];

    // The weights of one of the points.
    MLPVID_FUNCTION Corners<SimdFloats> weights(int plane, int point) const {
        return {broadcast(at00[plane][point]), broadcast(at10[plane][point]), broadcast(at01[plane][point]),
                broadcast(at11[plane][point])};
    }
};

// Finds kSimdWidth points of [0, 1]^3 on maps; `points` has their x, y and z. The weights are the same as those of
// corner_weights in interpolation.h, except for the order of the sums in at00. The order must not change: the other one
// rounds differently, and images must stay the same to the last bit.
MLPVID_FUNCTION void locate_on_maps(const float (*points)[kSimdWidth], int32 resolution, MapPlaces& places) {
    SimdInts lower[3];
    SimdFloats fractions[3];
    for (int axis = 0; axis < 3; axis++) {
        const SimdFloats position = load(points[axis]) * broadcast(static_cast<float>(resolution - 1));
        lower[axis] = minimum(truncate(position), broadcast_int(resolution - 2));
        fractions[axis] = position - to_float(lower[axis]);
    }
    for (int plane = 0; plane < kPlanes; plane++) {
        const SimdFloats fu = fractions[u_axis(plane)], fv = fractions[v_axis(plane)], w11 = fu * fv;
        store_ints(places.pixels[plane], lower[v_axis(plane)] * broadcast_int(resolution) + lower[u_axis(plane)]);
        store(places.at00[plane], broadcast(1.0f) - fu - fv + w11);
        store(places.at10[plane], fu - w11);
        store(places.at01[plane], fv - w11);
        store(places.at11[plane], w11);
    }
}

// A pixel of a map: the halves of its channels.
struct MapPixel {
    uint16 channels[kChannels];
};

// Adds the interpolated channels from `first` on; `p` points to the corner, `next_row` to the one at the next v.
MLPVID_FUNCTION SimdFloats add_channels(const MapPixel* p, const MapPixel* next_row, int first,
                                        const Corners<SimdFloats>& w, SimdFloats total) {
    total = fused(w.at00, load_halves(p[0].channels + first), total);
    total = fused(w.at10, load_halves(p[1].channels + first), total);
    total = fused(w.at01, load_halves(next_row[0].channels + first), total);
    return fused(w.at11, load_halves(next_row[1].channels + first), total);
}

// All channels of a point, one after the other, in registers.
struct MapChannels {
    SimdFloats v[kChannels / kSimdWidth];
};

// Adds the interpolated channels of a map; the sums still have to be multiplied by the map's scale and by
// kLoadedHalfScale.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, int32 pixel, const Corners<SimdFloats>& w,
                             MapChannels& total) {
    const MapPixel *p = reinterpret_cast<const MapPixel*>(map) + pixel, *next_row = p + resolution;
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kSimdWidth; i++)
        total.v[i] = add_channels(p, next_row, i * kSimdWidth, w, total.v[i]);
}

// Adds a point's channels of a plane's feature map, and of its density heads if it has any.
MLPVID_FUNCTION void add_maps(const BakedFrame& frame, int plane, const MapPlaces& on_features,
                              const MapPlaces& on_heads, int point, MapChannels& features, MapChannels& heads) {
    int32 pixel = on_features.pixels[plane][point];
    Corners<SimdFloats> w = on_features.weights(plane, point);
    add_map(frame.feature_planes[plane], frame.feature_resolution, pixel, w, features);
    if (frame.density_maps[plane] == nullptr) return;
    if (&on_heads != &on_features) {
        pixel = on_heads.pixels[plane][point];
        w = on_heads.weights(plane, point);
    }
    add_map(frame.density_maps[plane], frame.density_resolution, pixel, w, heads);
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
