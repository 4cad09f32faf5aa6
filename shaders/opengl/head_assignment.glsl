// The heads that color a point on one MLP map, and their weights (paper, section 3.1).
// Defined by the program: BILINEAR (0: the head of the cell a point falls in; 1: the four nearest heads blended).

#include "planes.glsl"

uniform int color_map_resolution;

const int HEADS_PER_MAP = BILINEAR == 1 ? 4 : 1;

struct HeadAssignment {
    int head;
    float weight;
};

HeadAssignment assign_head(vec2 uv, int n) {  // n: 0 to HEADS_PER_MAP - 1
    int size = color_map_resolution;
#if BILINEAR
    vec2 position = uv * float(size - 1);  // heads sit on nodes, the outer ones on 0 and 1
    vec2 corner = clamp(floor(position), vec2(0.0), vec2(float(size - 2)));
    vec2 upper = position - corner;
    ivec2 which = ivec2(n >> 1, n & 1), node = ivec2(corner) + which;
    vec2 weight = mix(1.0 - upper, upper, equal(which, ivec2(1)));
    return HeadAssignment(node.x * size + node.y, weight.x * weight.y);
#else
    ivec2 cell = clamp(ivec2(uv * float(size)), ivec2(0), ivec2(size - 1));
    return HeadAssignment(cell.x * size + cell.y, 1.0);
#endif
}
