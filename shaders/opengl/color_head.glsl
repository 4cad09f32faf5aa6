// Color heads: relu(F (W0 W1) + view W1) W2, as fold_heads.frag lays them out (paper, section 3.1).
// Defined by the program: BILINEAR (0: the head of the cell a point falls in; 1: the four nearest heads blended).

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

vec3 map_output(vec2 uv, int map, int size, vec4 F[8], float view[VIEW_CHANNELS]) {
#if BILINEAR
    vec2 position = uv * float(size - 1);  // heads sit on nodes, the outer ones on 0 and 1
    vec2 corner = clamp(floor(position), vec2(0.0), vec2(float(size - 2)));
    vec2 upper = position - corner;
    vec3 sum = vec3(0.0);
    for (int n = 0; n < 4; ++n) {
        ivec2 node = ivec2(corner) + ivec2(n >> 1, n & 1);
        vec2 weight = mix(1.0 - upper, upper, equal(ivec2(n >> 1, n & 1), ivec2(1)));
        sum += weight.x * weight.y * head_output(node.x * size + node.y, map, F, view);
    }
    return sum;
#else
    ivec2 cell = clamp(ivec2(uv * float(size)), ivec2(0), ivec2(size - 1));
    return head_output(cell.x * size + cell.y, map, F, view);
#endif
}
