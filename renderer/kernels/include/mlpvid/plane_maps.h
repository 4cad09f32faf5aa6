// Feature planes and density heads at a point (docs/format.md, "Evaluating a point", reading a feature plane). The
// channels of a pixel are adjacent in memory.
#pragma once

#include "baked_frame.h"
#include "fixed_weights.h"

MLPVID_BEGIN

// Returns the place of a channel among the 32 numbers of a pixel: channels stay together in fours, and the second and
// third four of 16 channels change places. With registers of 256 bits, interleave_low and interleave_high of two pixels
// then give pairs of channels in natural order.
MLPVID_FUNCTION constexpr int map_place(int channel) {
    const int four = channel / 4;
    return four / 4 * 16 + four % 2 * 8 + four / 2 % 2 * 4 + channel % 4;
}

// Where kSimdWidth points lie on the maps of all planes. A vector operation finds one number of all of them, so this
// costs less than finding each point on its own.
struct MapPlaces {
    alignas(64) uint32 pixels[kPlanes][kSimdWidth];  // v * resolution + u of the corner
    alignas(64) int32 upper[kPlanes][kSimdWidth];    // the weights of the pixels at u and u + 1, at v
    alignas(64) int32 lower[kPlanes][kSimdWidth];    // and at v + 1
};

// Finds kSimdWidth points of [0, 1]^3 on maps; `points` has their x, y and z.
MLPVID_FUNCTION void locate_on_maps(const float (*points)[kSimdWidth], int32 resolution, MapPlaces& places) {
    SimdInts lower[3];
    SimdFloats fractions[3];
    for (int axis = 0; axis < 3; axis++) {
        const SimdFloats position = load(points[axis]) * broadcast(static_cast<float>(resolution - 1));
        lower[axis] = minimum(truncate(position), broadcast_int(resolution - 2));
        fractions[axis] = position - to_float(lower[axis]);
    }
    for (int plane = 0; plane < kPlanes; plane++) {
        const Corners<SimdInts> w = fixed_weights(fractions[u_axis(plane)], fractions[v_axis(plane)]);
        store_words(places.pixels[plane], lower[v_axis(plane)] * broadcast_int(resolution) + lower[u_axis(plane)]);
        store_ints(places.upper[plane], pack_words(w.at00, w.at10));
        store_ints(places.lower[plane], pack_words(w.at01, w.at11));
    }
}

// A pixel of a map: its channels in the order of map_place.
struct MapPixel {
    int32 words[kChannelPairs];
};

// All channels of a point in registers as interleaving pixels orders them, as multiples of the map's scale times
// kWeightUnit.
struct MapChannels {
    SimdInts v[kChannels / kSimdWidth];
};

// Adds what two neighboring pixels of a row contribute to a point.
MLPVID_FUNCTION void add_pixels(const MapPixel* p, SimdInts weights, MapChannels& total) {
    MLPVID_UNROLL
    for (int i = 0; i < kChannelPairs / kSimdWidth; i++) {
        const SimdInts a = load_ints(p[0].words + i * kSimdWidth), b = load_ints(p[1].words + i * kSimdWidth);
        total.v[2 * i] = total.v[2 * i] + multiply_add(interleave_low(a, b), weights);
        total.v[2 * i + 1] = total.v[2 * i + 1] + multiply_add(interleave_high(a, b), weights);
    }
}

// Adds the interpolated channels of one of the points that `places` has.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, int plane, const MapPlaces& places, int point,
                             MapChannels& total) {
    const MapPixel* p = reinterpret_cast<const MapPixel*>(map) + places.pixels[plane][point];
    add_pixels(p, broadcast_int(places.upper[plane][point]), total);
    add_pixels(p + resolution, broadcast_int(places.lower[plane][point]), total);
}

// Adds a point's channels of a plane's feature map, and of its density heads if it has any.
MLPVID_FUNCTION void add_maps(const BakedFrame& frame, int plane, const MapPlaces& on_features,
                              const MapPlaces& on_heads, int point, MapChannels& features, MapChannels& heads) {
    add_map(frame.feature_planes[plane], frame.feature_resolution, plane, on_features, point, features);
    if (frame.density_maps[plane] == nullptr) return;
    add_map(frame.density_maps[plane], frame.density_resolution, plane, on_heads, point, heads);
}

// Brings the channels in natural order.
MLPVID_FUNCTION void sort_channels(MapChannels& channels) {
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kSimdWidth; i += 16 / kSimdWidth > 2 ? 4 : 2) sort_fours(channels.v + i);
}

namespace scalar {

// The scalar twin of add_map: adds the 32 channels of a map at (u, v), in the same unit.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, float u, float v, int32* channels) {
    const AxisPosition<float> column = locate_on_map(u, resolution), row = locate_on_map(v, resolution);
    const Corners<int32> w = fixed_weights(column.fraction, row.fraction);
    const int32 weights[4] = {w.at00, w.at10, w.at01, w.at11};
    for (int i = 0; i < 4; i++) {
        const int64 pixel = static_cast<int64>(row.lower + i / 2) * resolution + column.lower + i % 2;
        const uint32* words = map + pixel * kChannelPairs;
        for (int c = 0; c < kChannels; c++) {
            const int place = map_place(c);
            channels[c] += weights[i] * (place % 2 ? high_number(words[place / 2]) : low_number(words[place / 2]));
        }
    }
}

}  // namespace scalar

MLPVID_END
