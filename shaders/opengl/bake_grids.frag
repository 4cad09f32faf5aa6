#version 330 core
// Bakes one level of the hash encoding at one time: blends the two entries that a node has along t (docs/format.md, "Hash
// encoding"). One instance per plane and part; a part is up to four of the F features of an entry.
// Defined by the program: PARTS (1, or 2 when F is 8).

uniform sampler2DArray tables;   // entry i of a plane: texel i of its layers, row by row
uniform int layers_per_plane;
uniform ivec2 level_corner;      // the level's first node in the atlas
uniform int resolution;          // nodes along u and v
uniform int offset;              // the level's first entry
uniform uint mask;               // entries - 1 of a hashed level, 0 of a dense one
uniform int time_node;
uniform float time_weight;       // smoothstep weight of the later of the two nodes along t

flat in int instance;
out vec4 features;

uint entry_of(uvec3 node) {
    uint side = uint(resolution);
    if (mask == 0u) return node.x + (node.y + node.z * side) * side;
    return (node.x ^ node.y * 2654435761u ^ node.z * 805459861u) & mask;
}

vec4 entry_at(ivec2 node, int t) {
    int texel = (offset + int(entry_of(uvec3(node, t)))) * PARTS + instance % PARTS;
    ivec2 size = textureSize(tables, 0).xy;
    int row = texel / size.x;
    int layer = instance / PARTS * layers_per_plane + row / size.y;
    return texelFetch(tables, ivec3(texel % size.x, row % size.y, layer), 0);
}

void main() {
    ivec2 node = ivec2(gl_FragCoord.xy) - level_corner;
    features = mix(entry_at(node, time_node), entry_at(node, time_node + 1), time_weight);
}
