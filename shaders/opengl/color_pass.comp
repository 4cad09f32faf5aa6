#version 430 core
// The color pass where the driver has compute shaders. A work group colors up to COLOR_TILE samples that share a head, whose
// weights it fetches once: relu(F (W0 W1) + view W1) W2, as fold_heads.frag lays them out (paper, section 3.1). A thread
// computes eight hidden units of four samples, so that it reads each weight and each input from shared memory for many products.

layout(local_size_x = 64) in;

#include "render_buffers.glsl"

uniform sampler2DArray color_heads;  // one row per head, one layer per MLP plane

const int UNITS = 8, SAMPLES = 4;  // per thread

shared vec4 weights[INPUTS][8];               // from an input to four hidden units
shared vec4 output_weights[24];               // from four hidden units to one color
shared float staged[INPUTS][COLOR_TILE];      // inputs of the samples
shared vec3 parts[32 / UNITS][COLOR_TILE];    // outputs of eight hidden units

void stage_head(int key) {
    int heads = color_map_resolution * color_map_resolution;
    for (int texel = int(gl_LocalInvocationID.x); texel < 8 * INPUTS + 24; texel += 64) {
        vec4 weight = texelFetch(color_heads, ivec3(texel, key % heads, key / heads), 0);
        if (texel < 8 * INPUTS) weights[texel / 8][texel % 8] = weight;
        else output_weights[texel - 8 * INPUTS] = weight;
    }
}

void stage_inputs(uint item) {
    uint thread = gl_LocalInvocationID.x, first = item / uint(ITEMS) * uint(INPUT_WORDS);
    for (int i = 0; i < INPUTS; i += 8) {
        uvec4 word = inputs[first + uint(i / 8)];
        for (int c = 0; c < 8 && i + c < INPUTS; ++c) {
            vec2 pair = unpackHalf2x16(word[c / 2]);
            staged[i + c][thread] = c % 2 == 0 ? pair.x : pair.y;
        }
    }
}

void add_outputs(int units, int first) {  // of hidden units 8 * units to 8 * units + 7, of four samples
    vec4 hidden[SAMPLES][2];
    for (int s = 0; s < SAMPLES; ++s) hidden[s][0] = hidden[s][1] = vec4(0.0);
    for (int i = 0; i < INPUTS; ++i) {
        vec4 low = weights[i][2 * units], high = weights[i][2 * units + 1];
        for (int s = 0; s < SAMPLES; ++s) {
            hidden[s][0] += staged[i][first + s] * low;
            hidden[s][1] += staged[i][first + s] * high;
        }
    }
    for (int s = 0; s < SAMPLES; ++s) {
        vec4 low = max(hidden[s][0], 0.0), high = max(hidden[s][1], 0.0);
        for (int k = 0; k < 3; ++k)
            parts[units][first + s][k] =
                dot(low, output_weights[6 * units + k]) + dot(high, output_weights[6 * units + 3 + k]);
    }
}

void main() {
    int thread = int(gl_LocalInvocationID.x);
    for (uint index = gl_WorkGroupID.x; index < color_tiles; index += gl_NumWorkGroups.x) {
        uvec4 tile = tiles[index];
        uint item = order[tile.y + min(uint(thread), tile.z - 1u)];  // threads beyond the tile repeat its last item
        barrier();
        stage_head(int(tile.x));
        stage_inputs(item);
        barrier();
        add_outputs(thread / (COLOR_TILE / SAMPLES), thread % (COLOR_TILE / SAMPLES) * SAMPLES);
        barrier();
        if (uint(thread) < tile.z)
            outputs[item] = vec4(parts[0][thread] + parts[1][thread] + parts[2][thread] + parts[3][thread], 0.0);
    }
}
