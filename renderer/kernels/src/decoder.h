// The decoder's convolutions on the engine's threads, with weights that are brought into the kernels' order once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "bfloat16_units.h"
#include "engine.h"

namespace mlpvid {

class Decoder {
 public:
    // `first_channels`: channels of the first activation, which has 4 x 4 pixels. `bfloat16`: one of bfloat16_units(),
    // or empty. Throws std::invalid_argument.
    Decoder(Engine& engine, int32 first_channels, const std::string& bfloat16 = "");
    ~Decoder();

    int32 first_channels() const { return first_channels_; }
    int32 layers() const { return static_cast<int32>(layers_.size()); }
    const LayerShape& shape(int32 layer) const { return layers_.at(layer).shape; }

    // Adds a layer and returns its number. `weights`: [outputs][inputs][kernel][kernel], or [inputs][outputs][4][4] of
    // a transposed convolution with stride 2. `bias`: [bias_pixels][outputs], with 1 or as many as output pixels.
    // `parts`: bfloat16 numbers that each weight and input is rounded to, 1 or 2, where the layer fits these kernels; 0
    // for floats. Throws std::invalid_argument.
    int32 add(LayerShape shape, const float* weights, const float* bias, int32 bias_pixels, int32 parts = 0);

    // Runs all layers. `first`: [16 pixels][channels]. A layer whose entry in `targets` is not null writes
    // [pixels][outputs] there; other layers keep their result for those that read it. Several threads may call it.
    void decode(const float* first, const std::vector<float*>& targets);

 private:
    struct Activations;
    std::unique_ptr<Activations> take();
    bool is_read(int32 layer) const;
    void run(const PackedLayer& layer, const float* input, float* output, bool padded);
    int64 bias_width(const PackedLayer& layer) const;
    // The part of a convolution that computes one parity of the output pixels.
    Convolution of_parity(const PackedLayer& layer, Convolution c, int32 parity, bool padded) const;
    void run_tiles(const PackedLayer& layer, const Convolution& convolution);
    void run_taps(const PackedLayer& layer, const Convolution& convolution, bool padded);
    void run_bfloat16(const PackedLayer& layer, const Convolution& convolution, bool padded);

    Engine& engine_;
    const int32 first_channels_;
    const Bfloat16Kernels* const bfloat16_;  // null without
    std::vector<PackedLayer> layers_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Activations>> free_;  // of calls that have ended
};

}  // namespace mlpvid
