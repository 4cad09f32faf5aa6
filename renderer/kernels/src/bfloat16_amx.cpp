// The sums of products with AMX: one instruction multiplies 16 pixels x 32 inputs by 32 inputs x 16 output channels.
#include "bfloat16_convolution.h"

MLPVID_BEGIN

// The shapes of the eight tile registers, in the layout of the instruction LDTILECFG.
struct alignas(64) TileShapes {
    uint8 palette = 1, start = 0, unused[14] = {};
    uint16 row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8 rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

class AmxProducts {
 public:
    AmxProducts() {
        const TileShapes shapes;
        __asm__ volatile("" ::: "memory");  // intrinsics of g++ 12 do not say that they read memory
        _tile_loadconfig(&shapes);
    }
    ~AmxProducts() { _tile_release(); }  // a thread without tiles in use is cheaper to interrupt

    // The order of the products is that of kProducts.
    void add(const Bfloat16Block& block, float* sums) const {
        const long pixel_row = static_cast<long>(block.pixel_step * 2);
        __asm__ volatile("" ::: "memory");
        _tile_loadd(0, sums, row);
        _tile_loadd(1, sums + kTileSums, row);
        _tile_loadd(2, sums + 2 * kTileSums, row);
        _tile_loadd(3, sums + 3 * kTileSums, row);
        int64 weights = 0;
        for (int32 tap = 0; tap < block.taps; tap++)
            for (int32 input = 0; input < block.inputs; input += kBfloat16Block, weights += 4 * kTileSums) {
                const int64 place = block.tap_offsets[tap] + input;
                if (block.parts == 2) {
                    load_pixels(block.pixels[1], place, pixel_row);
                    load_weights(block.weights[0] + weights);
                    multiply();
                    load_pixels(block.pixels[0], place, pixel_row);
                    multiply();
                    load_weights(block.weights[1] + weights);
                } else {
                    load_pixels(block.pixels[0], place, pixel_row);
                    load_weights(block.weights[0] + weights);
                }
                multiply();
            }
        _tile_stored(0, sums, row);
        _tile_stored(1, sums + kTileSums, row);
        _tile_stored(2, sums + 2 * kTileSums, row);
        _tile_stored(3, sums + 3 * kTileSums, row);
    }

 private:
    static constexpr long row = 64;  // bytes of a tile's row

    static MLPVID_FUNCTION void load_pixels(const uint16* const (&tiles)[2], int64 place, long pixel_row) {
        _tile_loadd(4, tiles[0] + place, pixel_row);
        _tile_loadd(5, tiles[1] + place, pixel_row);
    }
    static MLPVID_FUNCTION void load_weights(const uint16* weights) {
        _tile_loadd(6, weights, row);
        _tile_loadd(7, weights + 2 * kTileSums, row);
    }
    static MLPVID_FUNCTION void multiply() {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
};

extern const Bfloat16Kernels kernels;
const Bfloat16Kernels kernels = {"amx_bf16", false, scratch_numbers, convolve_bfloat16<AmxProducts>};

MLPVID_END
