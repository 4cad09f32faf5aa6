// Convolutions with products of bfloat16 numbers, for processors that multiply these faster than floats. Sums are
// floats. A float is rounded to one bfloat16 number, or to a sum of two (8 and 16 significant bits).
#pragma once

#include "kernel_table.h"

namespace mlpvid {

constexpr int32 kBfloat16Block = 32;  // pixels and output channels that are computed together, and inputs of a step
constexpr int32 kBfloat16Tile = 16;   // pixels in a row, or output channels, of a tile; a block has 2 x 2 tiles
constexpr int32 kBfloat16Side = 2;    // output pixels along a side of Winograd's tiles

struct Bfloat16Convolution {
    // Its width is a multiple of kBfloat16Tile, its inputs of kBfloat16Block. `weights` is not used.
    Convolution shape;
    // [panels][parts][taps][inputs / 32][2 tiles][16 pairs of inputs][16 outputs][2], panels of kBfloat16Block outputs
    const uint16* weights;
    // 1: each float is one number. 2: the sum of two, a rounded float and the rounded rest; of the four products of two
    // floats, that of the rests is left out.
    int32 parts;
    // kBfloat16Side: computed in tiles of so many pixels along a side (winograd_kernels.h), with one part. The pixels
    // of pieces are tiles then, and the taps of weights their products. 0: directly.
    int32 tile;
};

struct Bfloat16Kernels {
    const char* name;
    bool tiles;  // whether it computes 3x3 kernels of stride 1 in tiles
    // The size of `scratch` for a piece.
    int64 (*scratch_numbers)(const Bfloat16Convolution&, const ConvolutionPiece&);
    // Computes a piece of whole blocks of pixels and of panels.
    void (*convolve)(const Bfloat16Convolution&, const ConvolutionPiece&, uint16* scratch);
};

}  // namespace mlpvid
