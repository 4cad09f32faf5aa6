// From an image in memory to the pixels of a window.
#pragma once

#include "kernel_table.h"

MLPVID_BEGIN

// Returns a channel over the background as a number of 8 bits, rounded as OpenGL does.
MLPVID_FUNCTION uint32 screen_channel(float premultiplied, float behind) {
    const float value = smaller(larger(premultiplied, 0.0f) + behind, 1.0f);
    return static_cast<uint32>(static_cast<int32>(value * 255.0f + 0.5f));
}

// Blends a row with a background, and finds the depth of what is opaque enough to hide lines.
static void screen_row(const float* MLPVID_RESTRICT rgba, const float* MLPVID_RESTRICT depth, int64 count,
                       const ScreenOptions& options, uint32* MLPVID_RESTRICT pixels, float* MLPVID_RESTRICT surface) {
    const float red = options.background[0], green = options.background[1], blue = options.background[2];
    const float opaque = options.surface_opacity, nothing = float_of_bits(0x7F800000u);
    for (int64 n = 0; n < count; n++) {
        const float opacity = rgba[4 * n + 3], left = larger(1.0f - opacity, 0.0f);
        pixels[n] = 0xFF000000u | screen_channel(rgba[4 * n], left * red) << 16 |
                    screen_channel(rgba[4 * n + 1], left * green) << 8 | screen_channel(rgba[4 * n + 2], left * blue);
        surface[n] = opacity >= opaque ? depth[n] : nothing;
    }
}

MLPVID_END
