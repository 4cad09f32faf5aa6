// Inputs of the training kernels: the maps of one frame, hash levels and points (docs/format.md, "From a time to the
// maps of a frame").
#pragma once

#include <cstdint>

#include "mlpvid/baked_frame.h"
#include "mlpvid/hash_index.h"

namespace mlpvid {

constexpr int kMaxLevels = 16;  // of a hash encoding

// Square maps of 32 contiguous channels; strides in elements, rows along v, pixels along u.
template <class T>
struct MapStack {
    T* data;
    int size;
    int64_t plane_stride, row_stride, pixel_stride;
};

// One level of a hash encoding; see model/hash_encoding.py.
struct Level {
    HashLevel hash;
    double scale, time_scale;  // nodes along u or v, or t, per unit of the coordinate
    int time_resolution;       // nodes along t
    int64_t nodes_offset;      // first node in the baked grids of a plane
};

struct Levels {
    Level level[kMaxLevels];
    int count;
    int features;     // F
    int64_t entries;  // of a table, all levels
    int64_t nodes;    // of a plane's baked grids, all levels
};

// The MLP planes: which of the three planes carry density and color heads.
struct MlpPlanes {
    int count;
    int plane[kPlanes];
};

// All that a density query reads.
template <class T>
struct DensityField {
    MapStack<const T> features;   // 3 planes
    MapStack<const T> densities;  // MLP planes
    const T* grids;               // [3][nodes][F], levels concatenated, rows along v
    Levels levels;
    MlpPlanes mlp_planes;
};

// Samples in ray order and front to back: those of ray r are offsets[r] .. offsets[r + 1] - 1.
template <class T>
struct Samples {
    const T* points;         // [P][3], [0, 1]
    const int64_t* offsets;  // [R + 1]
    int64_t rays;
};

}  // namespace mlpvid
