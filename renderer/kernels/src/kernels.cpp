// All arithmetic of baking and rendering, compiled once per instruction set into the namespace MLPVID_INSTRUCTION_SET.
#include "bake_kernels.h"
#include "convolution_kernels.h"
#include "screen_kernels.h"
#include "tile_kernels.h"
#include "winograd_kernels.h"

#define MLPVID_TEXT_OF(name) #name
#define MLPVID_TEXT(name) MLPVID_TEXT_OF(name)

MLPVID_BEGIN

// Takes points [first, first + kSimdWidth); the last one again where there are no more.
static void take_points(const BakedFrame& frame, const float* points, int64 first, int64 count, Points& taken) {
    for (int i = 0; i < kSimdWidth; i++)
        for (int axis = 0; axis < 3; axis++) taken.at[axis][i] = points[3 * smaller(first + i, count - 1) + axis];
    locate_on_maps(frame, taken);
}

template <int Channels>
static void densities_of(const BakedFrame& frame, const float* points, int64 count, float* sigma, float* features) {
    alignas(64) float unwanted[kChannels];
    const FineGroups fine = find_fine_groups(frame);
    Points taken;
    Location places[2];  // of the point whose density is summed, and of the one after it
    for (int64 first = 0; first < count; first += kSimdWidth) {
        take_points(frame, points, first, count, taken);
        const int32 many = static_cast<int32>(smaller<int64>(kSimdWidth, count - first));
        locate<Channels>(frame, fine, taken, 0, places[0]);
        for (int32 n = 0; n < many; n++) {
            if (n + 1 < many) locate<Channels>(frame, fine, taken, n + 1, places[(n + 1) % 2]);
            sigma[first + n] =
                density<Channels>(frame, places[n % 2], features ? features + kChannels * (first + n) : unwanted);
        }
    }
}

static void densities(const BakedFrame& frame, const float* points, int64 count, float* sigma, float* features) {
    const auto with_channels = frame.group_channels == 4 ? densities_of<4> : densities_of<2>;
    with_channels(frame, points, count, sigma, features);
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
