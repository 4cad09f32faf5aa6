// The point feature F and the density sigma = relu(F . head): 16 lanes, each a pair of channels, read the same place of
// their own hash level at once; planes and density maps hold the 16 pairs of a pixel side by side. Whatever depends on
// one coordinate alone is computed once and serves both planes that it spans.
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

// The level grids around a point: where its cells lie, and the weight of each coordinate's upper node.
struct GridLocation {
    alignas(64) int32 cells[kPlanes][kChannelPairs];
    alignas(64) float weights[3][kChannelPairs];
};

MLPVID_FUNCTION void locate_on_grids(const FrameField& field, const float* point, GridLocation& at) {
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
    w.w11 = su * v;
    w.w10 = su - w.w11;
    w.w01 = tu - w.w11;
    w.w00 = (unit - su) - w.w01;
    const CellWords cell = load_corners(grid, cells);
    blend(cell.w00, cell.w10, cell.w01, cell.w11, w, total);
}

// The hash features of kLanes lanes from `lane` on.
MLPVID_FUNCTION Pairs hash_features(const FrameField& field, int lane, const GridLocation& at) {
    const Lanes unit = broadcast(field.grid_unit * kHalfUnit);
    const Lanes x = load(at.weights[0] + lane), y = load(at.weights[1] + lane), z = load(at.weights[2] + lane);
    Pairs total = {broadcast(0.0f), broadcast(0.0f)};
    add_grid(field.grids[0], at.cells[0] + lane, x, y, unit, total);
    add_grid(field.grids[1], at.cells[1] + lane, x, z, unit, total);
    add_grid(field.grids[2], at.cells[2] + lane, y, z, unit, total);
    return total;
}

// Where a coordinate lies on a map, pixel centers of the border on 0 and 1: the pixel below it and the fraction beyond.
struct MapAxis {
    int32 pixel;
    float fraction;
};

MLPVID_FUNCTION MapAxis locate_on_map(float coordinate, int32 resolution) {
    const float x = coordinate * static_cast<float>(resolution - 1);
    const int32 pixel = smaller(static_cast<int32>(x), resolution - 2);
    return {pixel, x - static_cast<float>(pixel)};
}

// Where a point lies on a map.
struct MapPosition {
    int32 pixel;   // v * resolution + u of the corner
    float fu, fv;  // fractions beyond it
};

MLPVID_FUNCTION MapPosition locate(const MapAxis& u, const MapAxis& v, int32 resolution) {
    return {v.pixel * resolution + u.pixel, u.fraction, v.fraction};
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

// All channels of a point, in registers: 2 kChannelPairs / kLanes vectors.
struct MapChannels {
    Lanes v[kChannels / kLanes];
};

// Adds the interpolated channels of a map; too small by the map's unit and kLoadedHalfUnit.
MLPVID_FUNCTION void add_map(const uint32* map, int32 resolution, const MapPosition& at, const Corners<Lanes>& w,
                             MapChannels& total) {
    const uint16* p = reinterpret_cast<const uint16*>(map) + static_cast<int64>(at.pixel) * kChannels;
    const int64 row = static_cast<int64>(resolution) * kChannels;
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kLanes; i++) total.v[i] = add_channels(p + i * kLanes, row, w, total.v[i]);
}

// The three coordinates of a point on maps of one resolution.
struct MapAxes {
    MapAxis axes[3];
};

MLPVID_FUNCTION MapAxes locate_on_maps(const float* point, int32 resolution) {
    return {{locate_on_map(point[0], resolution), locate_on_map(point[1], resolution),
             locate_on_map(point[2], resolution)}};
}

MLPVID_FUNCTION Pairs in_pairs(const Channels& channels) {
    Pairs pairs;
    separate(channels.first, channels.second, pairs.low, pairs.high);
    return pairs;
}

// Adds the point's channels of a plane's feature map and of its density heads, where it has any.
MLPVID_FUNCTION void add_maps(const FrameField& field, int plane, const MapAxes& on_features, const MapAxes& on_heads,
                              MapChannels& features, MapChannels& heads) {
    const int u = plane == 2 ? 1 : 0, v = plane == 0 ? 1 : 2;
    MapPosition at = locate(on_features.axes[u], on_features.axes[v], field.feature_resolution);
    Corners<Lanes> w = corner_weights(at);
    add_map(field.feature_planes[plane], field.feature_resolution, at, w, features);
    if (field.density_maps[plane] == nullptr) return;
    if (field.density_resolution != field.feature_resolution) {
        at = locate(on_heads.axes[u], on_heads.axes[v], field.density_resolution);
        w = corner_weights(at);
    }
    add_map(field.density_maps[plane], field.density_resolution, at, w, heads);
}

// Where a point's channels lie in memory; found apart from reading them, so that those of the next sample are on their
// way to the caches while this one's are summed.
struct Location {
    GridLocation grids;
    MapAxes on_features, on_heads;
};

// Has the cells of fine levels brought to the caches. Those of coarser ones are mostly there, as are maps.
MLPVID_FUNCTION void prefetch_cells(const FrameField& field, const GridLocation& at) {
    constexpr int32 fine = 256;  // nodes along a side whose grid fills a second-level cache, 8 bytes each
    for (int lane = 0; lane < kChannelPairs; lane++) {
        if (field.lane_stride[lane] < fine) continue;
        for (int plane = 0; plane < kPlanes; plane++)
            prefetch(field.grids[plane] + 2 * static_cast<int64>(at.cells[plane][lane]));
    }
}

// Finds a point of [0, 1]^3 and starts to fetch what is far away.
MLPVID_FUNCTION void locate(const FrameField& field, const float* point, Location& at) {
    locate_on_grids(field, point, at.grids);
    prefetch_cells(field, at.grids);
    at.on_features = locate_on_maps(point, field.feature_resolution);
    at.on_heads = locate_on_maps(point, field.density_resolution);
}

// sigma at a located point, 1/m; `features` gets its 32 features, even channels first.
MLPVID_FUNCTION float density(const FrameField& field, const Location& at, float* features) {
    MapChannels mapped, heads;
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kLanes; i++) mapped.v[i] = heads.v[i] = broadcast(0.0f);
    add_maps(field, 0, at.on_features, at.on_heads, mapped, heads);
    add_maps(field, 1, at.on_features, at.on_heads, mapped, heads);
    add_maps(field, 2, at.on_features, at.on_heads, mapped, heads);

    const Lanes unit = broadcast(field.feature_unit * kLoadedHalfUnit);
    Lanes dot = broadcast(0.0f);
    MLPVID_UNROLL
    for (int lane = 0; lane < kChannelPairs; lane += kLanes) {
        const int i = 2 * lane / kLanes;
        const Pairs feature = in_pairs({mapped.v[i], mapped.v[i + 1]}), head = in_pairs({heads.v[i], heads.v[i + 1]});
        const Pairs hashed = hash_features(field, lane, at.grids);
        const Lanes low = fused(feature.low, unit, hashed.low), high = fused(feature.high, unit, hashed.high);
        store(features + lane, low);
        store(features + kChannelPairs + lane, high);
        dot = fused(high, head.high, fused(low, head.low, dot));
    }
    return larger(sum(dot) * (field.density_unit * kLoadedHalfUnit), 0.0f);
}

MLPVID_END
