// F(p), the point feature: hash features plus feature planes, summed over the three planes (paper, equation 1).
// Defined by the program: LEVELS, FEATURES_PER_LEVEL (2, 4 or 8), MLP_PLANES (1 or 3), ROUNDED_WEIGHTS (tests only).
// PIECE_CELLS is defined if a level is larger than a texture can be: then it is cut into pieces of so many cells.

#include "planes.glsl"

uniform sampler2DArray grids;           // baked hash levels in an atlas; layer (page * 3 + plane) * parts + part
uniform sampler2DArray feature_planes;  // layer 8 * plane + j: channels 4 j to 4 j + 3
uniform sampler2DArray density_maps;    // layer 8 * map + j
uniform vec4 levels[LEVELS];            // scale, last corner, first texel of the level in the atlas
uniform int level_page[LEVELS];
uniform int level_columns[LEVELS];      // pieces along each side of the level, each on its own page
uniform float grid_scale, feature_scale, density_scale;
uniform int density_map_of[3];          // the density map of each distinct plane
uniform int num_density_maps;

const int PARTS = FEATURES_PER_LEVEL == 8 ? 2 : 1;

vec2 texel(vec2 position) {
#if ROUNDED_WEIGHTS
    return floor((position - 0.5) * 256.0 + 0.5) / 256.0 + 0.5;  // GPUs filter with 8-bit weights
#else
    return position;
#endif
}

vec4 map_channels(sampler2DArray maps, vec2 uv, int layer) {  // border pixels have their centers on 0 and 1
    vec2 size = vec2(textureSize(maps, 0).xy);
    return textureLod(maps, vec3(texel(uv * (size - 1.0) + 0.5) / size, float(layer)), 0.0);
}

vec4 level_features(vec2 uv, int plane, int level, int part) {
    vec2 position = uv * levels[level].x;
    vec2 corner = min(floor(position), vec2(levels[level].y));
    vec2 s = position - corner;
    int page = level_page[level];
#ifdef PIECE_CELLS
    ivec2 piece = ivec2(corner) / PIECE_CELLS;
    corner -= vec2(piece * PIECE_CELLS);
    page += piece.y * level_columns[level] + piece.x;
#endif
    vec2 node = levels[level].zw + corner + s * s * (3.0 - 2.0 * s) + 0.5;  // smoothstep: a bilinear read at a shifted position
    int layer = (page * 3 + plane) * PARTS + part;
    return textureLod(grids, vec3(texel(node) / vec2(textureSize(grids, 0).xy), float(layer)), 0.0);
}

vec4 hash_features(vec2 uv, int plane, int j) {  // channels 4 j to 4 j + 3
#if FEATURES_PER_LEVEL == 2
    vec4 features = vec4(0.0);
    if (2 * j < LEVELS) features.xy = level_features(uv, plane, 2 * j, 0).xy;
    if (2 * j + 1 < LEVELS) features.zw = level_features(uv, plane, 2 * j + 1, 0).xy;
    return features;
#else
    return j / PARTS < LEVELS ? level_features(uv, plane, j / PARTS, j % PARTS) : vec4(0.0);
#endif
}

vec4 point_features(vec3 p, int j) {  // channels 4 j to 4 j + 3 of F(p)
    vec4 hashed = vec4(0.0), planar = vec4(0.0);
    for (int plane = 0; plane < 3; ++plane) {
        vec2 uv = plane_uv(p, PLANE_AXES[plane]);
        hashed += hash_features(uv, plane, j);
        planar += map_channels(feature_planes, uv, 8 * plane + j);
    }
    return hashed * grid_scale + planar * feature_scale;
}

float density_at(vec3 p) {  // sigma, 1/m: relu(F(p) . density head), four channels at a time to use few registers
    float sum = 0.0;
    for (int j = 0; j < 8; ++j) {
        vec4 head = vec4(0.0);
        for (int map = 0; map < num_density_maps; ++map)
            head += map_channels(density_maps, plane_uv(p, PLANE_AXES[density_map_of[map]]), 8 * map + j);
        sum += dot(point_features(p, j), head);
    }
    return max(sum * density_scale, 0.0);
}
