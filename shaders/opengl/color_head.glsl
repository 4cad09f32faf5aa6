// Color heads: relu(F (W0 W1) + view W1) W2, as fold_heads.frag lays them out (paper, section 3.1).

#include "head_assignment.glsl"

uniform sampler2DArray color_heads;  // one row per head, one layer per MLP plane

vec3 head_output(int head, int map, vec4 F[8], float view[VIEW_CHANNELS]) {
    vec3 color = vec3(0.0);
    for (int j = 0; j < 8; ++j) {  // four hidden units at a time
        vec4 hidden = vec4(0.0);
        for (int i = 0; i < 8; ++i)
            for (int c = 0; c < 4; ++c)
                hidden += F[i][c] * texelFetch(color_heads, ivec3(8 * (4 * i + c) + j, head, map), 0);
        for (int v = 0; v < VIEW_CHANNELS; ++v)
            hidden += view[v] * texelFetch(color_heads, ivec3(256 + 8 * v + j, head, map), 0);
        hidden = max(hidden, 0.0);
        for (int k = 0; k < 3; ++k)
            color[k] += dot(hidden, texelFetch(color_heads, ivec3(256 + 8 * VIEW_CHANNELS + 3 * j + k, head, map), 0));
    }
    return color;
}

vec3 map_output(vec2 uv, int map, vec4 F[8], float view[VIEW_CHANNELS]) {
    vec3 sum = vec3(0.0);
    for (int n = 0; n < HEADS_PER_MAP; ++n) {
        HeadAssignment assigned = assign_head(uv, n);
        sum += assigned.weight * head_output(assigned.head, map, F, view);
    }
    return sum;
}
