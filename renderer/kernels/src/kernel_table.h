// Function table of the kernels of one instruction set. A source file that is compiled for a certain instruction set
// must not use templates or inline functions of the standard library: the linker could pick its copy for all files.
#pragma once

#include "instruction_set.h"
#include "mlpvid/bake.h"
#include "mlpvid/baked_frame.h"

namespace mlpvid {

// Returns how many channels of a level the CPU's grids keep together.
constexpr int32 group_channels_of(int32 features) {
    return features % 4 == 0 ? 4 : 2;
}

// A strided array of float32, bfloat16 or float16 numbers: an output of the decoder, in any memory order.
struct Strided {
    const void* data;
    int32 type;        // kFloat32, kBFloat16 or kFloat16
    int64 strides[4];  // elements
};

constexpr int32 kFloat32 = 0;
constexpr int32 kBFloat16 = 1;
constexpr int32 kFloat16 = 2;

constexpr int kTileSide = 32;  // largest number of pixels along a side of a tile
constexpr int kTilePixels = kTileSide * kTileSide;
constexpr int kSampleCapacity = 4096;  // kept samples between two color passes

// Kept samples that wait for their color; the color pass runs when they are many or the tile is done.
struct KeptSamples {
    float* features;   // [capacity][32]
    float* points;     // [capacity][3]
    float* weights;    // [capacity]
    float* distances;  // [capacity] meters
    int32* rays;       // [capacity] index into the tile's rays
    float* colors;     // [capacity][3]
    int32 count;
    int32 capacity;
};

// Buffers for sorting samples by head.
struct HeadSort {
    int32* heads;    // [4 * capacity]
    float* weights;  // [4 * capacity]
    int32* order;    // [4 * capacity] entries by head
    int32* starts;   // [heads + 1]
};

// A rectangle of pixels of the view's image, with the sums of its rays so far.
struct Tile {
    int32 x0, y0, x1, y1;
    float* views;   // [pixels][kViewStride]
    RaySums* sums;  // [pixels]
    float* depth;   // [pixels] along the optical axis, per meter of ray
    int32* counts;  // [pixels][2]
    int32 ray;      // the ray to continue with, its next sample and transmittance
    int32 next_sample;
    float transmittance;
};

constexpr int kBlockSide = 4;  // pixels along a side of a block

// For each block of pixels of the view's image, the distances between which its rays can meet occupied cells.
struct Blocks {
    const float* nearest;   // [rows][columns] meters
    const float* farthest;  // [rows][columns] meters, 0 where the rays meet none
    int32 columns;
};

// The images of a view, rows from the top.
struct Image {
    float* rgba;     // [height][width][4]
    float* depth;    // [height][width]
    uint16* counts;  // [height][width][2]
};

// How an image becomes the pixels of a window.
struct ScreenOptions {
    float background[3];    // red, green, blue, 0 to 1
    float surface_opacity;  // what is less opaque hides no lines
};

// A convolution, or one parity of the output pixels of a transposed one. Distances are in floats. The input has a
// border of zeros, so that no tap lies outside.
struct Convolution {
    const float* input;  // the first tap of pixel (0, 0)
    int64 input_row, input_column;
    const int64* tap_offsets;  // [taps]
    int32 taps, inputs;
    const float* weights;         // [panels][taps][inputs][panel]
    const float* bias;            // [panels * panel] at each pixel
    int64 bias_row, bias_column;  // 0 if all pixels share it
    float* output;
    int64 output_row, output_column;
    int32 width;    // pixels of a row
    int32 outputs;  // channels
    float leak;     // slope of the activation below 0; 1 means no activation
};

// The part of a convolution that one thread computes.
struct ConvolutionPiece {
    int32 first_pixel, last_pixel;
    int32 first_panel, last_panel;
};

struct KernelTable {
    const char* name;
    int32 simd_width;
    // Marches rays until the tile is done (returns true), or the buffer of kept samples is full or `cancel` is set
    // (false).
    bool (*march)(const BakedFrame&, const View&, const Blocks&, Tile&, KeptSamples&, const volatile int32* cancel);
    // Colors all kept samples. `views`: [rays][kViewStride].
    void (*shade)(const BakedFrame&, const float* views, KeptSamples&, HeadSort&);
    // Adds the colored samples to their rays.
    void (*composite)(Tile&, const KeptSamples&);
    // Writes the tile's pixels.
    void (*finish)(const View&, const Tile&, const Image&);
    // Turns a row of an image into words 0xFFRRGGBB, and into the depth of its surface, infinite where it is empty.
    void (*screen_row)(const float* rgba, const float* depth, int64 count, const ScreenOptions&, uint32* pixels,
                       float* surface);
    void (*density)(const BakedFrame&, const float* points, int64 count, float* sigma, float* features);
    void (*encode_directions)(const BakedFrame&, const float* directions, int64 count, float* views);
    // Bakes rows [first, last) of one level and plane. `grid` has the plane's groups of channels; `group_offset` has
    // their offsets in nodes.
    void (*bake_grid)(const float* table, int32 features, const BakeLevel&, int32 first, int32 last,
                      float inverse_scale, const int32* group_offset, uint32* grid);
    // Bakes row v of a map, the sum of `count` arrays [channel][v][u].
    void (*bake_map_row)(const Strided* sources, int32 count, int32 resolution, int32 v, float inverse_scale,
                         uint32* row);
    float (*max_magnitude)(const Strided&, const int64* sizes);
    void (*bake_head)(const Strided&, int32 u, int32 v, int32 view_channels, float* baked);
    int32 panel;  // output channels of a convolution that are computed at a time
    void (*convolve)(const Convolution&, const ConvolutionPiece&);
    // The same for 3x3 kernels of stride 1 in tiles of `side` x `side` pixels, see winograd_kernels.h.
    void (*convolve_tiles)(const Convolution&, const ConvolutionPiece&, int32 side, float* scratch);
};

// One table per build of kernels.cpp.
#define MLPVID_DECLARE_TABLE(name)  \
    namespace name {                \
    extern const KernelTable table; \
    }
MLPVID_INSTRUCTION_SETS(MLPVID_DECLARE_TABLE)
#undef MLPVID_DECLARE_TABLE

}  // namespace mlpvid
