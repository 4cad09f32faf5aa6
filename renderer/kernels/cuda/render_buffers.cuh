// The buffers for rendering one image. Every kernel receives this struct by value. renderer/cuda/structs.py mirrors
// these structs.
#pragma once

#include "intrinsics.cuh"

namespace mlpvid {

constexpr int kTileColumns = 8;  // a warp's rays: 8 x 4 pixels, so that they read the same addresses
constexpr int kTileRows = 4;
constexpr int kDensityThreads = 128;
constexpr int kGroupThreads = 256;
constexpr int kColorThreads = 128;
constexpr int kColorTile = 128;    // samples of one head that a block of the color pass shades at once
constexpr int kFeatureWords = 16;  // halves of channels 2l and 2l + 1 in word l
constexpr int kViewWords = 8;      // encoded view direction, 16 halves, zeros beyond view_channels
constexpr int kInputRows = 48;     // inputs of a head: 32 features, then up to 16 of the view
constexpr int kHeadFragments = 7;  // 128-bit words per lane of one head in tensor core order, see bake.cu

// Counters of one image; all zero before the first kernel.
struct FrameCounters {
    uint32 next_tile;     // of the density pass
    uint32 kept_samples;  // kept by the density pass; those at or beyond the capacity were not stored
    uint32 color_tiles;
    uint32 unused;
    unsigned long long density_samples;
};

struct RenderBuffers {
    FrameCounters* counters;
    // Kept samples, in the order in which warps appended them.
    uint32* features;  // [capacity][kFeatureWords]
    float4* places;    // [capacity] point in [0, 1]^3 and weight w
    float* distances;  // [capacity] meters along the ray
    int32* pixels;     // [capacity] the ray
    int32* previous;   // [capacity] the sample in front of it on the same ray; -1: none
    // Their heads: an item is sample * assignments + assignment, a key is map * heads + head.
    int32* key_counts;   // [keys] zero before the first kernel
    int32* key_cursors;  // [keys] zero before the first kernel
    int32* key_starts;   // [keys] first item of the key in `order`
    int32* order;        // [capacity * assignments] items by key
    int2* color_tiles;   // [capacity * assignments / kColorTile + keys] key, first item within the key
    float4* outputs;     // [capacity * assignments] output of the item's head, before the sigmoid
    // Rays.
    int32* last;   // [pixels] the last kept sample; -1: none
    uint4* views;  // [pixels][2] encoded direction, only of rays with kept samples
    // The image.
    float4* rgba;    // [pixels] premultiplied
    float* depth;    // [pixels] meters along the optical axis
    uint32* counts;  // [pixels] samples of the density pass; `composite` adds those of the color pass, as the high half
    const uint4* head_fragments;  // [keys][kHeadFragments][kWarp]
    int32 capacity;               // samples
    int32 keys;                   // heads of all maps
    int32 assignments;            // heads per sample: maps, times four when bilinear
    int32 unused;
};

// The camera without doubles, which are slow on GPUs. A pixel's ray is base + x * right + y * down. x and y are counted
// from the middle of the camera's image, where rounding errors are smallest.
struct CameraRays {
    float base[3];
    float right[3];
    float down[3];
    float depth_base, depth_right, depth_down;  // the same for the ray's extent along the optical axis
    float middle_x, middle_y;                   // pixels
    int32 tiles_in_row, tiles;                  // of the image that is written
};

}  // namespace mlpvid
