// Convolutions of the decoder as matrix products: a block of pixels times a panel of output channels stays in registers
// while the kernel runs over taps and input channels.
#pragma once

#include "kernel_table.h"
#include "mlpvid/simd.h"

MLPVID_BEGIN

constexpr int kPanelVectors = 2;
constexpr int kPanel = kPanelVectors * kSimdWidth;      // output channels at a time
constexpr int kPixelBlock = kSimdWidth == 16 ? 12 : 6;  // pixels at a time: their sums fill most registers

// Adds `depth` products to the sums of a block of pixels: sums[r][j] += rows[r][k] * weights[k][j].
template <int Rows>
MLPVID_FUNCTION void accumulate(const float* const* rows, int64 offset, int32 depth, const float* weights,
                                SimdFloats (&sums)[Rows][kPanelVectors]) {
    const float* at[Rows];
    MLPVID_UNROLL for (int r = 0; r < Rows; r++) at[r] = rows[r] + offset;
    for (int32 k = 0; k < depth; k++) {
        SimdFloats w[kPanelVectors];
        MLPVID_UNROLL for (int j = 0; j < kPanelVectors; j++) w[j] = load(weights + k * kPanel + j * kSimdWidth);
        MLPVID_UNROLL for (int r = 0; r < Rows; r++) {
            const SimdFloats x = broadcast(at[r][k]);
            MLPVID_UNROLL for (int j = 0; j < kPanelVectors; j++) sums[r][j] = fused(x, w[j], sums[r][j]);
        }
    }
}

// Computes a panel of output channels of a block of pixels.
static void convolve_block(const Convolution& c, const float* const* rows, const float* const* biases,
                           float* const* outputs, int32 count, const float* weights, int32 channels) {
    SimdFloats sums[kPixelBlock][kPanelVectors];
    MLPVID_UNROLL for (int r = 0; r < kPixelBlock; r++) MLPVID_UNROLL for (int j = 0; j < kPanelVectors; j++)
        sums[r][j] = load(biases[r] + j * kSimdWidth);
    for (int32 tap = 0; tap < c.taps; tap++)
        accumulate<kPixelBlock>(rows, c.tap_offsets[tap], c.inputs, weights + int64{tap} * c.inputs * kPanel, sums);
    const SimdFloats leak = broadcast(c.leak);
    alignas(64) float values[kPanel];
    for (int32 r = 0; r < count; r++) {
        float* target = channels == kPanel ? outputs[r] : values;
        for (int j = 0; j < kPanelVectors; j++) {
            const SimdFloats positive = relu(sums[r][j]);
            store(target + j * kSimdWidth, fused(leak, sums[r][j] - positive, positive));
        }
        if (target == values)
            for (int32 i = 0; i < channels; i++) outputs[r][i] = values[i];
    }
}

// Computes the pixels and panels of a piece of work.
static void convolve(const Convolution& c, const ConvolutionPiece& piece) {
    for (int32 panel = piece.first_panel; panel < piece.last_panel; panel++) {
        const float* weights = c.weights + int64{panel} * c.taps * c.inputs * kPanel;
        const int32 left = c.outputs - panel * kPanel, channels = left < kPanel ? left : kPanel;
        for (int32 pixel = piece.first_pixel; pixel < piece.last_pixel; pixel += kPixelBlock) {
            const float *rows[kPixelBlock], *biases[kPixelBlock];
            float* outputs[kPixelBlock];
            const int32 remaining = piece.last_pixel - pixel, count = remaining < kPixelBlock ? remaining : kPixelBlock;
            for (int32 r = 0; r < kPixelBlock; r++) {
                const int32 p = pixel + (r < count ? r : count - 1);  // the last pixel again, its result unused
                const int64 y = p / c.width, x = p % c.width;
                rows[r] = c.input + y * c.input_row + x * c.input_column;
                biases[r] = c.bias + y * c.bias_row + x * c.bias_column + int64{panel} * kPanel;
                outputs[r] = c.output + y * c.output_row + x * c.output_column + int64{panel} * kPanel;
            }
            convolve_block(c, rows, biases, outputs, count, weights, channels);
        }
    }
}

MLPVID_END
