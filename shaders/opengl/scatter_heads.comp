#version 430 core
// Sorts the items by head, and computes the heads' inputs. One thread per sample. The order of a head's items is arbitrary and
// does not change the image: an item's output depends on the item alone and has its own place.

layout(local_size_x = 64) in;

#include "ray.glsl"
#include "features.glsl"
#include "view_encoding.glsl"
#include "render_buffers.glsl"

void store_inputs(uint index, vec3 p, int pixel) {
    float view[VIEW_CHANNELS], padded[16];
    encode_direction(ray_through(vec2(pixel % TILE_SIDE, pixel / TILE_SIDE) + 0.5).direction, view);
    for (int v = 0; v < 16; ++v) padded[v] = v < VIEW_CHANNELS ? view[v] : 0.0;
    for (int j = 0; j < INPUT_WORDS; ++j) {
        int v = 8 * max(j - 4, 0);
        vec4 low = j < 4 ? point_features(p, 2 * j) : vec4(padded[v], padded[v + 1], padded[v + 2], padded[v + 3]);
        vec4 high = j < 4 ? point_features(p, 2 * j + 1) : vec4(padded[v + 4], padded[v + 5], padded[v + 6], padded[v + 7]);
        inputs[index * uint(INPUT_WORDS) + uint(j)] =
            uvec4(packHalf2x16(low.xy), packHalf2x16(low.zw), packHalf2x16(high.xy), packHalf2x16(high.zw));
    }
}

void main() {
    uint index = gl_GlobalInvocationID.x;
    if (index >= samples) return;
    vec4 place = places[index];
    for (int item = 0; item < ITEMS; ++item)
        order[atomicAdd(keys[key_of(place.xyz, item)].next, 1u)] = index * uint(ITEMS) + uint(item);
    store_inputs(index, place.xyz, int(place.w));
}
