// Counter-based random numbers: the same (seed, counter) gives the same number on any thread.
#pragma once

#include <cstdint>

#include "mlpvid_training/simd_array.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

// Applies SplitMix64's finalizer to the state that its sequence has at the position `counter`.
MLPVID_FUNCTION uint64_t random_bits(uint64_t seed, uint64_t counter) {
    uint64_t z = seed * 0xD1B54A32D192ED03ull + (counter + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// Returns a uniform random number in [0, 1).
MLPVID_FUNCTION float random_unit(uint64_t seed, uint64_t counter) {
    return static_cast<float>(random_bits(seed, counter) >> 40) * (1.0f / 16777216.0f);
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
