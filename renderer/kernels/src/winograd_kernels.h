// 3x3 convolutions of stride 1 with fewer multiplications: blocks of output pixels ("tiles") are computed from
// transformed inputs and weights (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). Tiles of 4
// x 4 pixels need a quarter of the multiplications, tiles of 2 x 2 four ninths, with fewer transformed weights.
#pragma once

#include "convolution_kernels.h"
#include "winograd_transforms.h"

MLPVID_BEGIN

// Multiplies transformed inputs by a panel of transformed weights: [size^2][count][kPanel].
template <int Side>
static void multiply_tiles(const Convolution& c, const float* transformed, int32 count, const float* weights,
                           float* products) {
    constexpr int size = Side + 2;
    for (int i = 0; i < size * size; i++) {
        const float* inputs = transformed + int64{i} * count * c.inputs;
        for (int32 t = 0; t < count; t += kPixelBlock) {
            const float* rows[kPixelBlock];
            const int32 left = count - t < kPixelBlock ? count - t : kPixelBlock;
            for (int32 r = 0; r < kPixelBlock; r++) rows[r] = inputs + int64{t + (r < left ? r : left - 1)} * c.inputs;
            SimdFloats sums[kPixelBlock][kPanelVectors];
            MLPVID_UNROLL for (int r = 0; r < kPixelBlock; r++) MLPVID_UNROLL for (int j = 0; j < kPanelVectors; j++)
                sums[r][j] = broadcast(0.0f);
            accumulate<kPixelBlock>(rows, 0, c.inputs, weights + int64{i} * c.inputs * kPanel, sums);
            float* target = products + (int64{i} * count + t) * kPanel;
            for (int32 r = 0; r < left; r++)
                for (int j = 0; j < kPanelVectors; j++) store(target + r * kPanel + j * kSimdWidth, sums[r][j]);
        }
    }
}

template <int Side>
static void convolve_tiles_of(const Convolution& c, const ConvolutionPiece& piece, float* scratch) {
    constexpr int size = Side + 2;
    const int32 count = piece.last_pixel - piece.first_pixel;
    float* products = scratch + int64{size} * size * count * c.inputs;
    transform_tiles<Side>(c, piece.first_pixel, count, scratch);
    for (int32 panel = piece.first_panel; panel < piece.last_panel; panel++) {
        multiply_tiles<Side>(c, scratch, count, c.weights + int64{panel} * size * size * c.inputs * kPanel, products);
        write_tiles<Side, kPanel>(c, piece.first_pixel, count, panel, [=](int i, int32 tile, int32 channel) {
            return products + (int64{i} * count + tile) * kPanel + channel;
        });
    }
}

// Computes the tiles and panels of a piece; its pixels are tiles of `side` x `side` pixels here. `scratch`:
// (side + 2)^2 * tiles * (inputs + kPanel) floats. The inputs are a multiple of kSimdWidth, and all pixels share the
// bias.
static void convolve_tiles(const Convolution& c, const ConvolutionPiece& piece, int32 side, float* scratch) {
    if (side == 4)
        convolve_tiles_of<4>(c, piece, scratch);
    else
        convolve_tiles_of<2>(c, piece, scratch);
}

MLPVID_END
