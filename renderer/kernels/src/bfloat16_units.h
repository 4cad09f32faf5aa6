// The units that multiply bfloat16 numbers, and the weights of the decoder's layers in the order in which they read
// them.
#pragma once

#include <string>
#include <vector>

#include "bfloat16.h"
#include "decoder_weights.h"

namespace mlpvid {

// Names of the units of this processor, best first: amx_bf16, avx512_bf16; and always plain_bf16 and plain_avx512_bf16,
// plain C++ that gives the same bits as each. Asks the system for AMX, which Linux gives to processes that ask.
std::vector<std::string> bfloat16_units();

// Throws std::invalid_argument if there is no such unit.
const Bfloat16Kernels& bfloat16_kernels(const std::string& unit);

// Whether these kernels can compute a layer.
bool fits_bfloat16(const LayerShape& shape);

// Brings the weights and the bias of a layer that fits into the order in which the kernels read them, rounded to
// `parts` numbers. `weights` and `bias` as in `Decoder::add`.
PackedLayer pack_bfloat16_layer(const Bfloat16Kernels& kernels, const LayerShape& shape, int32 parts,
                                const float* weights, const float* bias, int32 bias_pixels);

}  // namespace mlpvid
