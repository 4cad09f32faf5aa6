// The sums of products with AVX-512: one instruction (VDPBF16PS) adds the products of 16 pairs to 16 sums.
#include <immintrin.h>

#include "bfloat16_tiles.h"

MLPVID_BEGIN

class Avx512Products {
 public:
    // Both tiles of output channels of kRows pixels at a time: their sums stay in registers.
    void add(const Bfloat16Block& block, float* sums) const {
        for (int32 row = 0; row < kBfloat16Block; row += kRows) add_rows(block, row, sums_of(sums, row));
    }

 private:
    // With two registers of sums for each row, 16 instructions do not wait for one another: on Zen 5, VDPBF16PS takes 6
    // cycles and two of them begin in each. The numbers of pixels and weights take 10 loads.
    static constexpr int kRows = 8;

    // `sums`: of the first row, in the first tile of output channels.
    static void add_rows(const Bfloat16Block& block, int32 row, float* sums) {
        __m512 s[kRows][2];
        MLPVID_UNROLL for (int r = 0; r < kRows; r++) MLPVID_UNROLL for (int t = 0; t < 2; t++) s[r][t] =
            _mm512_load_ps(sums + t * kTileSums + r * kBfloat16Tile);
        // Each group of rows fetches its share of the weights that the next block multiplies.
        const uint16* next = block.next_weights;
        if (next) next += int64{block.taps} * block.inputs * row;
        const int64 first_row = row % kBfloat16Tile * block.pixel_step;
        int64 weights = 0;
        for (int32 tap = 0; tap < block.taps; tap++)
            for (int32 input = 0; input < block.inputs; input += kBfloat16Block, weights += 4 * kTileSums)
                for (int32 i = first_product(block); i < last_product(block); i++) {
                    if (next) {
                        prefetch_numbers(next, kRows * kBfloat16Block);
                        next += kRows * kBfloat16Block;
                    }
                    multiply(block.pixels[kProducts[i].pixels][row / kBfloat16Tile] + first_row +
                                 block.tap_offsets[tap] + input,
                             block.pixel_step, block.weights[kProducts[i].weights] + weights, s);
                }
        MLPVID_UNROLL for (int r = 0; r < kRows; r++) MLPVID_UNROLL for (int t = 0; t < 2; t++)
            _mm512_store_ps(sums + t * kTileSums + r * kBfloat16Tile, s[r][t]);
    }

    // Two numbers as one word.
    static MLPVID_FUNCTION int32 pair_at(const uint16* numbers) {
        int32 pair;
#if defined(_MSC_VER)
        memcpy(&pair, numbers, sizeof pair);
#else
        __builtin_memcpy(&pair, numbers, sizeof pair);
#endif
        return pair;
    }

    // The same bits. A type of its own for compilers other than MSVC.
    static MLPVID_FUNCTION __m512bh numbers_of(__m512i words) { return (__m512bh)words; }

    static MLPVID_FUNCTION void prefetch_numbers(const uint16* numbers, int32 count) {
        MLPVID_UNROLL for (int32 i = 0; i < count; i += 32) prefetch(numbers + i);
    }

    // Adds the products of 32 inputs.
    static MLPVID_FUNCTION void multiply(const uint16* pixels, int64 pixel_step, const uint16* weights,
                                         __m512 (&s)[kRows][2]) {
        for (int32 pair = 0; pair < 16; pair++) {
            const __m512i w0 = _mm512_loadu_si512(weights + pair * 32);
            const __m512i w1 = _mm512_loadu_si512(weights + pair * 32 + 2 * kTileSums);
            MLPVID_UNROLL for (int r = 0; r < kRows; r++) {
                const __m512bh x = numbers_of(_mm512_set1_epi32(pair_at(pixels + r * pixel_step + 2 * pair)));
                s[r][0] = _mm512_dpbf16_ps(s[r][0], x, numbers_of(w0));
                s[r][1] = _mm512_dpbf16_ps(s[r][1], x, numbers_of(w1));
            }
        }
    }
};

extern const Bfloat16Kernels kernels;
const Bfloat16Kernels kernels = {"avx512_bf16", true, scratch_numbers_with_tiles, convolve_with_tiles<Avx512Products>};

MLPVID_END
