// The sums of products in plain C++, with the same bits as bfloat16_avx512.cpp.
#include "bfloat16_plain.h"
#include "bfloat16_tiles.h"

MLPVID_BEGIN

struct Avx512Sum {
    static float add(const uint16* pixel, const uint16* weights, float sum) {
        return scalar::add_pairs_in_turn(pixel, weights, 2 * kBfloat16Tile, sum);
    }
};

extern const Bfloat16Kernels kernels;
const Bfloat16Kernels kernels = {"plain_avx512_bf16", true, scratch_numbers_with_tiles,
                                 convolve_with_tiles<PlainProducts<Avx512Sum>>};

MLPVID_END
