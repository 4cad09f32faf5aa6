#version 430 core
// Lists the samples that the density pass kept in one part of a tile, and counts the items of each head. One thread per pixel.

layout(local_size_x = 8, local_size_y = 8) in;

#include "ray.glsl"
#include "kept_samples.glsl"
#include "render_buffers.glsl"

layout(r32ui, binding = 0) writeonly uniform uimage2D first_samples;  // a pixel's first place in the list
uniform ivec4 part;  // left, top, right, bottom pixel in the tile

void main() {
    ivec2 pixel = part.xy + ivec2(gl_GlobalInvocationID.xy);
    if (any(greaterThanEqual(pixel, part.zw))) return;
    int kept = int(texelFetch(round, pixel, 0).w);
    if (kept == 0) return;
    uint first = atomicAdd(kept_samples, uint(kept));
    imageStore(first_samples, pixel, uvec4(first));
    Ray ray = ray_through(vec2(pixel) + 0.5);
    for (int n = 0; n < kept; ++n) {
        vec3 p = clamp(point_at(ray, kept_distance(ray, kept_entry(pixel, n))), 0.0, 1.0);
        places[first + uint(n)] = vec4(p, float(TILE_SIDE * pixel.y + pixel.x));
        for (int item = 0; item < ITEMS; ++item) atomicAdd(keys[key_of(p, item)].items, 1u);
    }
}
