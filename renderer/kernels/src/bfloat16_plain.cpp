// The sums of products in plain C++, with the same bits as AMX.
#include "bfloat16_plain.h"

MLPVID_BEGIN

struct AmxSum {
    static float add(const uint16* pixel, const uint16* weights, float sum) {
        return scalar::add_pairs(pixel, weights, 2 * kBfloat16Tile, sum);
    }
};

extern const Bfloat16Kernels kernels;
const Bfloat16Kernels kernels = {"plain_bf16", false, scratch_numbers, convolve_bfloat16<PlainProducts<AmxSum>>};

MLPVID_END
