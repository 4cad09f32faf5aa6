// All arithmetic of baking and rendering, compiled once per instruction set into the namespace MLPVID_INSTRUCTION_SET.
#include "bake_kernels.h"
#include "convolution_kernels.h"
#include "screen_kernels.h"
#include "tile_kernels.h"
#include "winograd_kernels.h"

#define MLPVID_TEXT_OF(name) #name
#define MLPVID_TEXT(name) MLPVID_TEXT_OF(name)

MLPVID_BEGIN

static void densities(const BakedFrame& frame, const float* points, int64 count, float* sigma, float* features) {
    alignas(64) float unwanted[kChannels];
    Location places[2];  // of the point whose density is summed, and of the one after it
    if (count > 0) locate(frame, points, places[0]);
    for (int64 n = 0; n < count; n++) {
        if (n + 1 < count) locate(frame, points + 3 * (n + 1), places[(n + 1) % 2]);
        sigma[n] = density(frame, places[n % 2], features ? features + kChannels * n : unwanted);
    }
}

static void encode_directions(const BakedFrame& frame, const float* directions, int64 count, float* views) {
    for (int64 n = 0; n < count; n++) encode_direction(frame, directions + 3 * n, views + kViewStride * n);
}

extern const KernelTable table;
const KernelTable table = {MLPVID_TEXT(MLPVID_INSTRUCTION_SET),
                           kSimdWidth,
                           march,
                           shade,
                           composite,
                           finish,
                           screen_row,
                           densities,
                           encode_directions,
                           bake_grid,
                           bake_map_row,
                           max_magnitude,
                           bake_head_at,
                           kPanel,
                           convolve,
                           convolve_tiles};

MLPVID_END
