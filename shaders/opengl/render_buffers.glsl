// The buffers of the color pass with compute shaders. A sample has one item per head that colors it: its item
// `sample * ITEMS + HEADS_PER_MAP * map + n`. Items are sorted by key, the number of their head among those of all maps.
// Defined by the program: MLP_PLANES, VIEW_CHANNELS, TILE_SIDE (pixels along a side of the largest image tile).

#include "head_assignment.glsl"

const int ITEMS = MLP_PLANES * HEADS_PER_MAP;  // per sample
const int COLOR_TILE = 64;                     // samples of one head that a work group colors together
const int INPUTS = 32 + VIEW_CHANNELS;         // of a head
const int INPUT_WORDS = 6;                     // eight halves each

struct Key {
    uint items;  // counted by list_samples, back to 0 after scan_heads
    uint next;   // the place of its next item in `order`
};

layout(std430, binding = 0) buffer Counters {
    uint kept_samples;       // counted by list_samples, back to 0 after scan_heads
    uint samples;            // the same number, for the passes after scan_heads
    uint color_tiles;
    uint scatter_groups[3];  // work groups of scatter_heads
    uint color_groups[3];    // work groups of color_pass
};
layout(std430, binding = 1) buffer Keys { Key keys[]; };
layout(std430, binding = 2) buffer Tiles { uvec4 tiles[]; };     // key, first place in `order`, number of items, 0
layout(std430, binding = 3) buffer Places { vec4 places[]; };    // of a sample: point in [0, 1]^3, TILE_SIDE * row + column
layout(std430, binding = 4) buffer Inputs { uvec4 inputs[]; };   // of a sample: F and the encoded direction, halves
layout(std430, binding = 5) buffer Order { uint order[]; };      // items, sorted by key
layout(std430, binding = 6) buffer Outputs { vec4 outputs[]; };  // of an item: the head's output

HeadAssignment head_of_item(vec3 p, int item) {
    return assign_head(plane_uv(p, map_axes[item / HEADS_PER_MAP]), item % HEADS_PER_MAP);
}

int key_of(vec3 p, int item) {
    return item / HEADS_PER_MAP * color_map_resolution * color_map_resolution + head_of_item(p, item).head;
}
