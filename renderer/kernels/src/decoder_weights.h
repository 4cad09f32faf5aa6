// Brings the weights of the decoder's layers into the order in which the convolution kernels read them.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "huge_memory.h"
#include "mlpvid/platform.h"

namespace mlpvid {

// Memory for floats, cleared, in huge pages where possible.
class Floats {
 public:
    Floats() = default;
    explicit Floats(size_t count);
    Floats(Floats&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Floats& operator=(Floats&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~Floats() {
        if (data_) free_huge(data_);
    }
    float* get() const { return data_; }

 private:
    float* data_ = nullptr;
};

struct LayerShape {
    int32 source = -1;  // the layer it reads, -1 for the first activation
    int32 inputs = 0, outputs = 0;
    int32 kernel = 3;  // 1 or 3; 4 for a transposed convolution
    int32 stride = 1;
    float leak = 1;  // slope of the activation below 0; 1 means no activation
    bool transposed = false;
    int32 input_side = 0, output_side = 0;  // pixels; `Decoder::add` sets them
};

struct PackedLayer {
    LayerShape shape;
    int32 panels = 0;
    int32 taps = 0;
    int32 parities = 1;  // of output pixels: a transposed convolution has four kernels
    int32 parts = 0;     // bfloat16 numbers per weight (bfloat16.h), 0 for floats
    int32 tile = 0;      // output pixels along a side of a tile (winograd_kernels.h), 0 for the direct convolution
    std::vector<Floats> weights;              // one per parity; memory of bfloat16 numbers if `parts` is not 0
    std::vector<std::vector<int64>> offsets;  // of taps, from the padded input's first pixel, one per parity
    Floats bias;                              // [bias_pixels][panels * panel]
    int32 bias_pixels = 1;
};

// Where a tap is in the kernel, and how far its input is from the padded input's first pixel.
struct TapPlace {
    int32 row, column;
    int64 offset;
};

// The taps of one parity of the output pixels.
std::vector<TapPlace> tap_places(const LayerShape& shape, int32 parity);

// The index of a weight in the array of `Decoder::add`.
inline int64 weight_index(const LayerShape& s, const TapPlace& tap, int64 input, int64 output) {
    const int64 pair = s.transposed ? input * s.outputs + output : output * s.inputs + input;
    return (pair * s.kernel + tap.row) * s.kernel + tap.column;
}

// Transforms the 3x3 kernel of a pair of channels for tiles of `tile` x `tile` pixels, 2 or 4, and writes the weights
// of the (tile + 2)^2 products, `step` floats apart.
void transform_kernel(int32 tile, const float* kernel, float* target, int64 step);

// A layer with its bias, without weights and offsets. `panel`: output channels at a time.
PackedLayer describe_layer(const LayerShape& shape, int32 panel, const float* bias, int32 bias_pixels);

// `panel`: output channels at a time. `simd_width`: floats of a register. `weights` and `bias` as in `Decoder::add`.
PackedLayer pack_layer(const LayerShape& shape, int32 panel, int32 simd_width, const float* weights, const float* bias,
                       int32 bias_pixels);

}  // namespace mlpvid
