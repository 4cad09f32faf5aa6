#version 430 core
// Computes the first place of each head's items in `order`, and lists the tiles of the color pass. There is one work group, in
// which each thread handles a range of heads.

layout(local_size_x = 256) in;

#include "render_buffers.glsl"

uniform int num_keys;

shared uvec2 totals[256];  // items and tiles of a thread's heads, then those of all threads before it as well

uint tiles_of(uint items) {
    return (items + uint(COLOR_TILE) - 1u) / uint(COLOR_TILE);
}

uvec2 sum_of_threads_before(uvec2 own) {
    uint thread = gl_LocalInvocationID.x;
    totals[thread] = own;
    barrier();
    for (uint offset = 1u; offset < 256u; offset *= 2u) {
        uvec2 before = thread >= offset ? totals[thread - offset] : uvec2(0u);
        barrier();
        totals[thread] += before;
        barrier();
    }
    return totals[thread] - own;
}

void main() {
    uint run = (uint(num_keys) + 255u) / 256u;
    uint first = min(gl_LocalInvocationID.x * run, uint(num_keys)), end = min(first + run, uint(num_keys));
    uvec2 own = uvec2(0u);
    for (uint key = first; key < end; ++key) own += uvec2(keys[key].items, tiles_of(keys[key].items));
    uvec2 place = sum_of_threads_before(own);
    for (uint key = first; key < end; ++key) {
        uint items = keys[key].items;
        keys[key] = Key(0u, place.x);
        for (uint done = 0u; done < items; done += uint(COLOR_TILE))
            tiles[place.y++] = uvec4(key, place.x + done, min(items - done, uint(COLOR_TILE)), 0u);
        place.x += items;
    }
    if (gl_LocalInvocationID.x == 255u) {
        samples = kept_samples;
        kept_samples = 0u;
        color_tiles = totals[255].y;
        scatter_groups = uint[3]((samples + 63u) / 64u, 1u, 1u);
        color_groups = uint[3](min(color_tiles, 65535u), 1u, 1u);
    }
}
