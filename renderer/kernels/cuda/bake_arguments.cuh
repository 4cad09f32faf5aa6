// Arguments of the bake kernels. renderer/cuda/structs.py mirrors these structs.
#pragma once

#include "mlpvid/bake.h"
#include "render_buffers.cuh"

namespace mlpvid {

constexpr int kBakeThreads = 128;

// The hash tables of a video and the grids of a frame.
struct GridBake {
    const uint32* tables[kPlanes];       // [entry][pairs] words: halves of value / grid_scale
    uint4* grids[kPlanes];               // see density.cuh
    BakeLevel levels[kChannelPairs];     // the level of each channel pair
    int32 pair_in_entry[kChannelPairs];  // its index among the pairs of an entry's features
    int32 pair_offset[kChannelPairs];
    int32 words_per_entry;
    int32 pair_count;
};

// Color heads of a frame.
struct HeadBake {
    const uint16* maps;     // [u][v][map][parameter] halves, as the decoder leaves them
    float* heads[kPlanes];  // see color_head.h
    uint32* fragments;      // [map][u][v][kHeadFragments][kWarp][4]
    int32 heads_per_map;
    int32 num_maps;
    int32 view_channels;
    int32 unused;
};

}  // namespace mlpvid
