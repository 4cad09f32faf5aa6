// 3x3 convolutions of stride 1 with fewer multiplications: blocks of output pixels ("tiles") are computed from
// transformed inputs and weights (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). Tiles of 4
// x 4 pixels need a quarter of the multiplications, tiles of 2 x 2 four ninths, with fewer transformed weights.
#pragma once

#include "convolution_kernels.h"

MLPVID_BEGIN

// Transforms one row or column of Side + 2 inputs; elements of `x` and `y` are `step` apart.
template <int Side>
MLPVID_FUNCTION void transform_input(const SimdFloats* x, SimdFloats* y, int step) {
    if constexpr (Side == 4) {
        const SimdFloats two = broadcast(2.0f), four = broadcast(4.0f), five = broadcast(5.0f);
        const SimdFloats x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
        const SimdFloats even = x4 - four * x2, odd = x3 - four * x1, near = x4 - x2, far = two * (x3 - x1);
        y[0] = fused(four, x[0], x4 - five * x2);
        y[5 * step] = fused(four, x1, x[5 * step] - five * x3);
        y[step] = even + odd;
        y[2 * step] = even - odd;
        y[3 * step] = near + far;
        y[4 * step] = near - far;
    } else {
        const SimdFloats x1 = x[step], x2 = x[2 * step];
        y[0] = x[0] - x2;
        y[3 * step] = x1 - x[3 * step];
        y[step] = x1 + x2;
        y[2 * step] = x2 - x1;
    }
}

// Transforms one row or column of Side + 2 products into Side outputs.
template <int Side>
MLPVID_FUNCTION void transform_output(const SimdFloats* x, SimdFloats* y, int step) {
    const SimdFloats sum = x[step] + x[2 * step], difference = x[step] - x[2 * step];
    if constexpr (Side == 4) {
        const SimdFloats far_sum = x[3 * step] + x[4 * step], far = x[3 * step] - x[4 * step];
        const SimdFloats last = x[5 * step];
        y[0] = x[0] + sum + far_sum;
        y[step] = fused(broadcast(2.0f), far, difference);
        y[2 * step] = fused(broadcast(4.0f), far_sum, sum);
        y[3 * step] = fused(broadcast(8.0f), far, difference) + last;
    } else {
        y[0] = x[0] + sum;
        y[step] = difference - x[3 * step];
    }
}

// Transforms the inputs of tiles [first, first + count) to [Side + 2][Side + 2][count][inputs].
template <int Side>
static void transform_tiles(const Convolution& c, int32 first, int32 count, float* transformed) {
    constexpr int size = Side + 2;
    const int32 tiles_per_row = c.width / Side;
    for (int32 t = 0; t < count; t++) {
        const int32 row = (first + t) / tiles_per_row * Side, column = (first + t) % tiles_per_row * Side;
        const float* corner = c.input + c.tap_offsets[0] + row * c.input_row + column * c.input_column;
        for (int32 channel = 0; channel < c.inputs; channel += kSimdWidth) {
            SimdFloats x[size * size];
            for (int i = 0; i < size; i++)
                for (int j = 0; j < size; j++)
                    x[i * size + j] = load(corner + i * c.input_row + j * c.input_column + channel);
            for (int i = 0; i < size; i++) transform_input<Side>(x + i * size, x + i * size, 1);
            for (int j = 0; j < size; j++) transform_input<Side>(x + j, x + j, size);
            float* target = transformed + int64{t} * c.inputs + channel;
            for (int i = 0; i < size * size; i++) store(target + int64{i} * count * c.inputs, x[i]);
        }
    }
}

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

// Transforms products to the output pixels of a panel, with bias and activation.
template <int Side>
static void write_tiles(const Convolution& c, int32 first, int32 count, int32 panel, const float* products) {
    constexpr int size = Side + 2;
    const int32 tiles_per_row = c.width / Side, left = c.outputs - panel * kPanel;
    const SimdFloats leak = broadcast(c.leak);
    for (int32 t = 0; t < count; t++) {
        const int32 row = (first + t) / tiles_per_row * Side, column = (first + t) % tiles_per_row * Side;
        for (int32 channel = 0; channel < (left < kPanel ? left : kPanel); channel += kSimdWidth) {
            SimdFloats x[size * size];
            for (int i = 0; i < size * size; i++) x[i] = load(products + (int64{i} * count + t) * kPanel + channel);
            for (int j = 0; j < size; j++) transform_output<Side>(x + j, x + j, size);
            for (int i = 0; i < Side; i++) transform_output<Side>(x + i * size, x + i * size, 1);
            const SimdFloats bias = load(c.bias + int64{panel} * kPanel + channel);
            const int32 channels = left - channel;
            for (int i = 0; i < Side; i++)
                for (int j = 0; j < Side; j++) {
                    const SimdFloats value = x[i * size + j] + bias, positive = relu(value);
                    const SimdFloats result = fused(leak, value - positive, positive);
                    float* target = c.output + (row + i) * c.output_row + (column + j) * c.output_column +
                                    int64{panel} * kPanel + channel;
                    if (channels >= kSimdWidth) {
                        store(target, result);
                    } else {
                        alignas(64) float values[kSimdWidth];
                        store(values, result);
                        for (int32 k = 0; k < channels; k++) target[k] = values[k];
                    }
                }
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
        write_tiles<Side>(c, piece.first_pixel, count, panel, products);
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
