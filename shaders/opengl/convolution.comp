#version 430 core
// One layer of the map decoder as a tiled matrix product: a convolution (kernel 1 or 3), or a transposed convolution (4x4, stride
// 2). A work group computes 64 pixels times 64 channels of the output, a thread eight times eight. Storage is half floats, sums
// are floats. Each parity of the output pixels of a transposed convolution is a convolution of its own with 2x2 taps.
// Defined by the program: TARGET (0: activations of the next layer; 1: feature planes or density maps; 2: color maps).

layout(local_size_x = 64) in;

layout(std430, binding = 0) readonly buffer Inputs { uvec4 inputs[]; };    // [pixel][channel], channels padded to 16
layout(std430, binding = 1) readonly buffer Weights { uvec4 weights[]; };  // [parity][tap][input][output], padded to 16 and 64
layout(std430, binding = 2) readonly buffer Biases { uvec2 biases[]; };    // [pixel][output], padded to 64
#if TARGET == 0
layout(std430, binding = 3) writeonly buffer Results { uvec2 results[]; };  // as `inputs`
#elif TARGET == 1
layout(rgba16f, binding = 0) writeonly uniform image2DArray results;  // layer: four channels
#else
layout(rgba16f, binding = 0) writeonly uniform image2DArray results;  // column: four parameters, row: head, layer: map
uniform int parameters;                                               // of a head
#endif

uniform int input_side, output_side;      // pixels along a side
uniform int input_blocks, output_blocks;  // of 16 and of 64 channels
uniform int output_channels;
uniform int first_block;  // of the output blocks that this dispatch computes
uniform int taps;         // along a side of the kernel
uniform int stride;       // input pixels from one output pixel to the next
uniform int parities;     // along a side of the output: 2 for a transposed convolution, else 1
uniform int bias_pixels;  // 1: one bias per channel; else one per pixel and channel
uniform float leak;       // slope of the activation below 0; 1: no activation

const int K = 16;  // channels that are summed at a time

shared float pixels[K][64];
shared vec4 columns[K][16];  // four output channels each

int row_parity, column_parity, output_block;

ivec2 input_pixel(int pixel, int tap) {  // `pixel` counts the outputs of this parity
    int side = output_side / parities;
    ivec2 place = ivec2(pixel % side, pixel / side) * stride, along = ivec2(tap % taps, tap / taps);
    return parities == 2 ? place + ivec2(column_parity, row_parity) - along : place + along - taps / 2;
}

void stage_pixel(int pixel, int tap, int block) {
    ivec2 place = input_pixel(pixel, tap);
    bool inside = all(greaterThanEqual(place, ivec2(0))) && all(lessThan(place, ivec2(input_side)));
    int thread = int(gl_LocalInvocationID.x);
    int first = ((place.y * input_side + place.x) * input_blocks + block) * 2;
    for (int part = 0; part < 2; ++part) {
        uvec4 words = inside ? inputs[first + part] : uvec4(0u);
        for (int c = 0; c < 4; ++c) {
            vec2 pair = unpackHalf2x16(words[c]);
            pixels[8 * part + 2 * c][thread] = pair.x;
            pixels[8 * part + 2 * c + 1][thread] = pair.y;
        }
    }
}

void stage_weights(int tap, int block) {
    int kernel = (row_parity * parities + column_parity) * taps * taps + tap;
    int first = (kernel * input_blocks + block) * K * output_blocks * 8 + output_block * 8;
    for (int i = int(gl_LocalInvocationID.x); i < K * 8; i += 64) {
        uvec4 words = weights[first + i / 8 * output_blocks * 8 + i % 8];
        columns[i / 8][i % 8 * 2] = vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y));
        columns[i / 8][i % 8 * 2 + 1] = vec4(unpackHalf2x16(words.z), unpackHalf2x16(words.w));
    }
}

// Four channels from `channel` of one pixel.
void store(ivec2 place, int channel, vec4 values) {
#if TARGET == 0
    int padded = (output_channels + 15) / 16 * 16;
    if (channel >= padded) return;
    results[((place.y * output_side + place.x) * padded + channel) / 4] =
        uvec2(packHalf2x16(values.xy), packHalf2x16(values.zw));
#elif TARGET == 1
    if (channel < output_channels) imageStore(results, ivec3(place, channel / 4), values);
#else
    ivec3 texel = ivec3(channel % parameters / 4, place.y * output_side + place.x, channel / parameters);
    if (channel < output_channels) imageStore(results, texel, values);
#endif
}

void finish(int pixel, int channel, vec4 sum) {
    int side = output_side / parities;
    ivec2 place = ivec2(pixel % side, pixel / side) * parities + ivec2(column_parity, row_parity);
    if (pixel >= side * side) return;
    int bias_pixel = bias_pixels == 1 ? 0 : place.y * output_side + place.x;
    uvec2 bias = biases[bias_pixel * output_blocks * 16 + channel / 4];
    sum += vec4(unpackHalf2x16(bias.x), unpackHalf2x16(bias.y));
    store(place, channel, mix(sum, sum * leak, lessThan(sum, vec4(0.0))));
}

void main() {
    int thread = int(gl_LocalInvocationID.x), row = thread / 8 * 8, column = thread % 8;
    row_parity = int(gl_WorkGroupID.z) / parities;
    column_parity = int(gl_WorkGroupID.z) % parities;
    output_block = first_block + int(gl_WorkGroupID.y);
    vec4 sums[8][2];
    for (int p = 0; p < 8; ++p) sums[p][0] = sums[p][1] = vec4(0.0);
    for (int tap = 0; tap < taps * taps; ++tap) {
        for (int block = 0; block < input_blocks; ++block) {
            barrier();
            stage_pixel(int(gl_WorkGroupID.x) * 64 + thread, tap, block);
            stage_weights(tap, block);
            barrier();
            for (int k = 0; k < K; ++k) {
                vec4 low = columns[k][column], high = columns[k][8 + column];
                for (int p = 0; p < 8; ++p) {
                    sums[p][0] += pixels[k][row + p] * low;
                    sums[p][1] += pixels[k][row + p] * high;
                }
            }
        }
    }
    for (int p = 0; p < 8; ++p) {
        int pixel = int(gl_WorkGroupID.x) * 64 + row + p, channel = output_block * 64 + 4 * column;
        finish(pixel, channel, sums[p][0]);
        finish(pixel, channel + 32, sums[p][1]);
    }
}
