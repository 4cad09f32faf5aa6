// Arguments of the bake kernels. renderer/cuda/structs.py mirrors these structs.
#pragma once

#include "mlpvid/bake.h"
#include "render_buffers.cuh"

namespace mlpvid {

constexpr int kBakeThreads = 128;

// What all frames of a video have in common.
struct VideoBake {
    const uint32* tables[kPlanes];       // [entry][pairs] words: halves of value / grid_scale
    int32 pair_in_entry[kChannelPairs];  // of each channel pair, its index among the pairs of an entry's features
    int32 pair_offset[kChannelPairs];
    int32 words_per_entry;
    int32 pair_count;
    float columns_per_node[kChannelPairs][kPlanes][2];  // columns of occupancy cells per node of a grid, along u and v
    int32 columns[kPlanes][2];                          // along u and v
    int32 feature_pixels;                               // of a feature plane
    int32 density_pixels;                               // of a density map
    int32 density_maps;                                 // planes that have one
    int32 density_sources[kPlanes];                     // bits of the decoder's maps that each of them is the sum of
    int32 heads_per_map;
    int32 num_maps;
    int32 view_channels;
};

// One frame. It lies in the GPU's memory, because a captured graph is replayed for other frames with the same
// arguments.
struct FrameBake {
    BakeLevel levels[kChannelPairs];  // the level of each channel pair
    uint4* grids[kPlanes];            // see density.cuh
    uint4* feature_planes;            // [plane][v][u][16 words]
    uint4* density_maps;              // [plane that has one][v][u][16 words]
    float* heads;                     // [map] color heads, see color_head.h
    uint32* fragments;                // [map][u][v][kHeadFragments][kWarp][4]
    const uint32* columns[kPlanes];   // bits: column (u, v) of occupancy cells, number u * columns along v + v, has an
                                      // occupied cell
};

// The decoder's results for all frames that are baked together.
struct DecodedMaps {
    const uint4* features;   // [frame][v][u][plane][16 words]
    const uint4* densities;  // [frame][v][u][map][16 words]
    const uint16* colors;    // [frame][u][v][map][parameter] halves
    const FrameBake* frames;
};

}  // namespace mlpvid
