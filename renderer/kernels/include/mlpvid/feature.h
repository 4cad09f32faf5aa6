// The point feature F and the density sigma = relu(F . head) (docs/format.md, "Evaluating a point"). Terms that
// depend on one coordinate only are computed once for both planes that contain it.
#pragma once

#include "hash_grids.h"
#include "plane_maps.h"

MLPVID_BEGIN

// kSimdWidth points of [0, 1]^3 and their positions on the maps. Where all maps have the same resolution, those on
// the features count for both.
struct Points {
    alignas(64) float at[3][kSimdWidth];
    MapPlaces on_features, on_heads;
};

MLPVID_FUNCTION bool share_places(const BakedFrame& frame) {
    return frame.feature_resolution == frame.density_resolution;
}

// Finds `points.at` on the maps.
MLPVID_FUNCTION void locate_on_maps(const BakedFrame& frame, Points& points) {
    locate_on_maps(points.at, frame.feature_resolution, points.on_features);
    if (!share_places(frame)) locate_on_maps(points.at, frame.density_resolution, points.on_heads);
}

// One of them, and its position in the grids. It is computed before channels are read, so that the next sample's
// channels are loaded into the caches while those of this sample are summed.
struct Location {
    const Points* points;
    int32 index;
    GridLocation grids;
};

// Computes the position of a point, and prefetches what is probably not in a cache.
template <int Channels>
MLPVID_FUNCTION void locate(const BakedFrame& frame, const FineGroups& fine, const Points& points, int32 index,
                            Location& at) {
    const float point[3] = {points.at[0][index], points.at[1][index], points.at[2][index]};
    at.points = &points;
    at.index = index;
    locate_on_grids<Channels>(frame, point, at.grids);
    prefetch_cells<Channels>(frame, fine, at.grids);
}

// sigma at a located point, 1/m; `features` gets its 32 features.
template <int Channels>
MLPVID_FUNCTION float density(const BakedFrame& frame, const Location& at, float* features) {
    const MapPlaces &on_features = at.points->on_features,
                    &on_heads = share_places(frame) ? on_features : at.points->on_heads;
    MapChannels mapped, heads;
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kSimdWidth; i++) mapped.v[i] = heads.v[i] = broadcast_int(0);
    add_maps(frame, 0, on_features, on_heads, at.index, mapped, heads);
    add_maps(frame, 1, on_features, on_heads, at.index, mapped, heads);
    add_maps(frame, 2, on_features, on_heads, at.index, mapped, heads);
    sort_channels(mapped);
    sort_channels(heads);

    const SimdFloats map_unit = broadcast(frame.feature_scale * kWeightUnit),
                     grid_unit = broadcast(frame.grid_scale * kWeightUnit);
    SimdFloats dot = broadcast(0.0f);
    MLPVID_UNROLL
    for (int i = 0; i < kChannels / kSimdWidth; i++) {
        const SimdFloats hashed = to_float(hash_features<Channels>(frame, i * kSimdWidth, at.grids)) * grid_unit;
        const SimdFloats feature = fused(to_float(mapped.v[i]), map_unit, hashed);
        store(features + i * kSimdWidth, feature);
        dot = fused(feature, to_float(heads.v[i]), dot);
    }
    return larger(sum(dot) * (frame.density_scale * kWeightUnit), 0.0f);
}

namespace scalar {

// The scalar twin of density: sigma at a point of [0, 1]^3, 1/m, and its features.
MLPVID_FUNCTION float density(const BakedFrame& frame, const float* point, float* features) {
    int32 hashed[kChannels] = {}, mapped[kChannels] = {}, head[kChannels] = {};
    float dot = 0.0f;
    add_hash_features(frame, point, hashed);
    for (int plane = 0; plane < kPlanes; plane++) {
        const float u = point[u_axis(plane)], v = point[v_axis(plane)];
        add_map(frame.feature_planes[plane], frame.feature_resolution, u, v, mapped);
        if (frame.density_maps[plane] == nullptr) continue;
        add_map(frame.density_maps[plane], frame.density_resolution, u, v, head);
    }
    for (int c = 0; c < kChannels; c++) {
        features[c] = static_cast<float>(mapped[c]) * (frame.feature_scale * kWeightUnit) +
                      static_cast<float>(hashed[c]) * (frame.grid_scale * kWeightUnit);
        dot += features[c] * static_cast<float>(head[c]);
    }
    return larger(dot * (frame.density_scale * kWeightUnit), 0.0f);
}

}  // namespace scalar

MLPVID_END
