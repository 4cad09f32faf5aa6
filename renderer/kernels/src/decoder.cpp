#include "decoder.h"

#include <algorithm>
#include <stdexcept>

namespace mlpvid {

namespace {

constexpr int32 kFirstSide = 4;
constexpr int32 kPiecePixels = 1024;  // pixels of a piece of a large layer
constexpr int32 kPieceTiles = 24;     // the same for tiles: their transformed inputs stay in the second-level cache
constexpr int32 kSmallTiles = 64;     // a layer with at most so many tiles is divided by channels
constexpr int32 kPiecePanels = 4;     // panels of a piece of a small layer

// Activations have a border of one pixel.
size_t padded_floats(int32 side, int32 channels) {
    return static_cast<size_t>(side + 2) * (side + 2) * channels;
}

int32 pieces_of(int32 count, int32 size) {
    return (count + size - 1) / size;
}

// The work of a layer, divided by pixels (or tiles), so that threads share the weights, or by panels.
struct Division {
    int32 pixels, pixel_size, panels, panel_size;

    int32 panel_pieces() const { return pieces_of(panels, panel_size); }
    int32 pieces() const { return pieces_of(pixels, pixel_size) * panel_pieces(); }
    ConvolutionPiece piece(int32 index) const {
        const int32 pixel = index / panel_pieces() * pixel_size, panel = index % panel_pieces() * panel_size;
        return {pixel, std::min(pixel + pixel_size, pixels), panel, std::min(panel + panel_size, panels)};
    }
};

}  // namespace

struct Decoder::Activations {
    Floats first;
    std::vector<Floats> results;  // of layers, padded
};

Decoder::Decoder(Engine& engine, int32 first_channels, const std::string& bfloat16)
    : engine_(engine),
      first_channels_(first_channels),
      bfloat16_(bfloat16.empty() ? nullptr : &bfloat16_kernels(bfloat16)) {
    if (first_channels < 1) throw std::invalid_argument("there must be channels");
}

Decoder::~Decoder() = default;

int32 Decoder::add(LayerShape s, const float* weights, const float* bias, int32 bias_pixels, int32 parts) {
    const bool first = s.source == -1;
    if (s.source < -1 || s.source >= layers()) throw std::invalid_argument("a layer reads one that is not there");
    s.input_side = first ? kFirstSide : shape(s.source).output_side;
    const bool known = s.transposed ? s.kernel == 4 && s.stride == 2
                                    : (s.kernel == 1 || s.kernel == 3) && (s.stride == 1 || s.stride == 2);
    if (!known || s.input_side % (s.transposed ? 1 : s.stride)) throw std::invalid_argument("no such convolution");
    if (s.inputs != (first ? first_channels_ : shape(s.source).outputs) || s.outputs < 1)
        throw std::invalid_argument("a layer has the wrong number of channels");
    s.output_side = s.transposed ? 2 * s.input_side : s.input_side / s.stride;
    if (bias_pixels != 1 && bias_pixels != s.output_side * s.output_side)
        throw std::invalid_argument("a layer has the wrong number of biases");
    if (parts < 0 || parts > 2 || (parts && !bfloat16_)) throw std::invalid_argument("no such precision");
    const KernelTable& kernels = engine_.kernels();
    layers_.push_back(parts && fits_bfloat16(s)
                          ? pack_bfloat16_layer(*bfloat16_, s, parts, weights, bias, bias_pixels)
                          : pack_layer(s, kernels.panel, kernels.simd_width, weights, bias, bias_pixels));
    free_.clear();
    return layers() - 1;
}

bool Decoder::is_read(int32 layer) const {
    return std::any_of(layers_.begin(), layers_.end(),
                       [layer](const PackedLayer& other) { return other.shape.source == layer; });
}

std::unique_ptr<Decoder::Activations> Decoder::take() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!free_.empty()) {
            std::unique_ptr<Activations> taken = std::move(free_.back());
            free_.pop_back();
            return taken;
        }
    }
    auto made = std::make_unique<Activations>();
    made->first = Floats(padded_floats(kFirstSide, first_channels_));
    for (int32 i = 0; i < layers(); i++)
        made->results.push_back(is_read(i) ? Floats(padded_floats(shape(i).output_side, shape(i).outputs)) : Floats());
    return made;
}

void Decoder::decode(const float* first, const std::vector<float*>& targets) {
    std::unique_ptr<Activations> activations = take();
    const int64 row = int64{kFirstSide + 2} * first_channels_;
    for (int64 p = 0; p < kFirstSide * kFirstSide; p++)
        std::copy_n(first + p * first_channels_, first_channels_,
                    activations->first.get() + (p / kFirstSide + 1) * row + (p % kFirstSide + 1) * first_channels_);
    for (int32 i = 0; i < layers(); i++) {
        const int32 source = shape(i).source;
        const float* input = source < 0 ? activations->first.get() : activations->results[source].get();
        if (targets[i]) run(layers_[i], input, targets[i], false);
        if (activations->results[i].get()) run(layers_[i], input, activations->results[i].get(), true);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(activations));
}

void Decoder::run(const PackedLayer& layer, const float* input, float* output, bool padded) {
    const LayerShape& s = layer.shape;
    const int64 step = s.transposed ? 2 : 1, input_step = s.transposed ? 1 : s.stride;
    const int64 output_row = int64{s.output_side + (padded ? 2 : 0)} * s.outputs;
    Convolution c = {};
    c.input = input;
    c.input_row = int64{s.input_side + 2} * s.inputs * input_step;
    c.input_column = s.inputs * input_step;
    c.inputs = s.inputs;
    c.taps = layer.taps;
    c.bias = layer.bias.get();
    c.bias_column = layer.bias_pixels > 1 ? step * bias_width(layer) : 0;
    c.bias_row = c.bias_column * s.output_side;
    c.output = output + (padded ? output_row + s.outputs : 0);
    c.output_row = step * output_row;
    c.output_column = step * s.outputs;
    c.width = s.transposed ? s.input_side : s.output_side;
    c.outputs = s.outputs;
    c.leak = s.leak;
    if (layer.parts)
        run_bfloat16(layer, c, padded);
    else if (layer.tile)
        run_tiles(layer, c);
    else
        run_taps(layer, c, padded);
}

int64 Decoder::bias_width(const PackedLayer& layer) const {
    return int64{layer.panels} * (layer.parts ? kBfloat16Block : engine_.kernels().panel);
}

Convolution Decoder::of_parity(const PackedLayer& layer, Convolution c, int32 parity, bool padded) const {
    const LayerShape& s = layer.shape;
    const int32 v = parity / 2, u = parity % 2;
    c.tap_offsets = layer.offsets[parity].data();
    c.weights = layer.weights[parity].get();
    if (layer.bias_pixels > 1) c.bias += (int64{v} * s.output_side + u) * bias_width(layer);
    c.output += (int64{v} * (s.output_side + (padded ? 2 : 0)) + u) * s.outputs;
    return c;
}

void Decoder::run_tiles(const PackedLayer& layer, const Convolution& convolution) {
    const int32 side = layer.tile, panel = engine_.kernels().panel;
    const int32 tiles = convolution.width * convolution.width / (side * side);
    const bool small = tiles <= kSmallTiles;
    const Division division = {tiles, small ? tiles : kPieceTiles, layer.panels,
                               small ? pieces_of(layer.panels, 4 * engine_.pool().threads()) : layer.panels};
    const size_t floats =
        static_cast<size_t>(side + 2) * (side + 2) * division.pixel_size * (convolution.inputs + panel);
    std::vector<Floats> scratch(engine_.pool().threads());
    Convolution c = convolution;
    c.weights = layer.weights[0].get();
    c.tap_offsets = layer.offsets[0].data();
    parallel(engine_.pool(), division.pieces(), [&](int64 index, int thread) {
        if (!scratch[thread].get()) scratch[thread] = Floats(floats);
        engine_.kernels().convolve_tiles(c, division.piece(static_cast<int32>(index)), side, scratch[thread].get());
    });
}

void Decoder::run_taps(const PackedLayer& layer, const Convolution& convolution, bool padded) {
    const int32 pixels = convolution.width * convolution.width;
    const bool small = pixels <= kPiecePixels;
    const Division division = {pixels, small ? pixels : kPiecePixels, layer.panels,
                               small ? kPiecePanels : layer.panels};
    parallel(engine_.pool(), int64{layer.parities} * division.pieces(), [&](int64 index, int) {
        const Convolution c = of_parity(layer, convolution, static_cast<int32>(index % layer.parities), padded);
        engine_.kernels().convolve(c, division.piece(static_cast<int32>(index / layer.parities)));
    });
}

void Decoder::run_bfloat16(const PackedLayer& layer, const Convolution& convolution, bool padded) {
    const int32 side = layer.tile ? layer.tile : 1, pixels = convolution.width * convolution.width / (side * side);
    const int32 most = layer.tile ? kBfloat16Block : kPiecePixels;
    const bool small = pixels <= (layer.tile ? kSmallTiles : kPiecePixels);
    const Division division = {pixels, small ? pixels : most, layer.panels,
                               small ? pieces_of(layer.panels, 4 * engine_.pool().threads()) : layer.panels};
    std::vector<std::vector<uint16>> scratch(engine_.pool().threads());
    parallel(engine_.pool(), int64{layer.parities} * division.pieces(), [&](int64 index, int thread) {
        const Convolution c = of_parity(layer, convolution, static_cast<int32>(index % layer.parities), padded);
        const Bfloat16Convolution rounded = {c, reinterpret_cast<const uint16*>(c.weights), layer.parts, layer.tile};
        const ConvolutionPiece piece = division.piece(static_cast<int32>(index / layer.parities));
        const size_t needed = static_cast<size_t>(bfloat16_->scratch_numbers(rounded, piece));
        if (scratch[thread].size() < needed) scratch[thread].resize(needed);
        bfloat16_->convolve(rounded, piece, scratch[thread].data());
    });
}

}  // namespace mlpvid
