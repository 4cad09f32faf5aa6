// The baked frame and the view that kernels read: plain structs of pointers and numbers, with the same layout on CPU
// and GPU. renderer/baked.py mirrors them. A test compares every offset. docs/format.md, "From a time to the maps of a
// frame", describes the maps; the figure in README.md shows their layout in memory.
#pragma once

#include "platform.h"

namespace mlpvid {

constexpr int kPlanes = 3;            // xy, xz, yz
constexpr int kChannels = 32;         // of the point feature F
constexpr int kChannelPairs = 16;     // pair l holds the channels 2l and 2l + 1
constexpr int kHidden = 32;           // outputs of the color heads' first two layers
constexpr int kMaxViewChannels = 15;  // frequency encoding; 9 for spherical harmonics
constexpr int kViewStride = 16;       // floats from one encoded view to the next
constexpr int kOccupancyLevels = 4;   // cells, then blocks of 4^3, 16^3, 64^3 cells
constexpr int kFrequencyEncoding = 0;
constexpr int kSphericalHarmonics = 1;

// On the CPU, grids and maps hold whole numbers of 16 bits, two per word (fixed_point.h). Values are divided by a power
// of two (`*_scale`) that brings the largest to [2^14, 2^15).
//
// Its hash grids are [group][v][u] nodes. A group is four channels of a level, or two if levels have only two features
// (`group_channels`). A node is a word per channel: its own value in the low half, that of the node below it, (u, v +
// 1), in the high half. So the four corners of a cell are consecutive words, and one load of 256 bits (128 bits with
// two channels) reads them.
//
// Its maps hold the channels of a pixel in the order of map_place (plane_maps.h).
//
// On the GPU, grids and maps hold pairs of half-precision numbers: channel 2l in the low and 2l + 1 in the high half of
// a word, divided by a power of two that brings the largest to [2^13, 2^14). None of them is subnormal. A group is a
// pair of channels. Grids store all four corners with each node (cuda/density.cuh), because a GPU only loads aligned
// words.
struct BakedFrame {
    const uint32* grids[kPlanes];               // hash encoding at the frame's time, see above
    const uint32* feature_planes[kPlanes];      // [v][u][16] words
    const uint32* density_maps[kPlanes];        // [v][u][16] words; null on planes without an MLP map
    const float* color_heads[kPlanes];          // one per MLP map: [u][v][32 + view_channels + 3][32], see color_head.h
    const uint32* occupancy[kOccupancyLevels];  // bits; cell (x Y + y) Z + z is bit (cell mod 32) of word cell / 32

    float group_scale[kChannelPairs];        // nodes per unit of u and v on the group's level
    int32 group_last_corner[kChannelPairs];  // N - 2
    int32 group_offset[kChannelPairs];       // first node of the group's grid
    int32 group_stride[kChannelPairs];  // nodes from one v to the next; groups without a level read two nodes of zeros
    int32 group_channels;               // 2 or 4

    float grid_scale;
    float feature_scale;
    float density_scale;
    int32 feature_resolution;
    int32 density_resolution;
    int32 color_resolution;        // heads along u and along v
    int32 num_color_maps;          // 1 or 3
    int32 color_axes[kPlanes][2];  // of each MLP map: the coordinates of a point that are u and v
    int32 bilinear;          // 1: the outputs of the four nearest heads are blended; 0: the head of the cell is used
    int32 view_encoding;     // kFrequencyEncoding or kSphericalHarmonics
    int32 view_channels;     // 15 or 9
    int32 occupancy_levels;  // 1 to kOccupancyLevels
    int32 cells[3];          // occupancy cells along x, y, z
    float box_lower[3];      // meters; zeros, because the program counts from this corner (see renderer/baked.py)
    float box_upper[3];
    float box_extent[3];
};

// One view of a frame. Rows and columns of matrices as in the camera's file.
struct View {
    double inverse_intrinsics[9];  // K^-1
    double rotation[9];            // R, world to camera
    float origin[3];               // camera center, meters; all corners as in BakedFrame
    float clip_lower[3];           // the part of the box that is rendered, meters
    float clip_upper[3];
    float depth_range[2];     // only samples from the first to below the second depth count, meters
    float step;               // meters between samples
    float weight_threshold;   // tau2
    float min_transmittance;  // a ray ends once its transmittance is this or less
    int32 column;             // of the image's first pixel in the camera
    int32 row;
    int32 width;  // of the image that is written, pixels
    int32 height;
};

// Sums over the kept samples of a ray: each weight w times color, 1 and distance (meters).
struct RaySums {
    float red, green, blue, opacity, distance;
};

}  // namespace mlpvid
