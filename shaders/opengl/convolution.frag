#version 330 core
// One layer of the map decoder where the driver has no compute shaders: a convolution (kernel 1 or 3), or a transposed
// convolution (4x4, stride 2). A fragment computes four channels of one pixel. Storage is half floats, sums are floats.
// Defined by the program: HEADS (0: a texel is a pixel, a layer four channels; 1: the color maps of fold_heads.frag).

uniform sampler2DArray inputs;   // layer: four channels
uniform sampler2DArray weights;  // column: input channel, row: four output channels, layer: tap of a parity
uniform sampler2DArray biases;   // like the output, one per pixel; or column: four output channels
uniform bool bias_per_pixel;
uniform int output_side;  // pixels along a side
uniform int taps;         // along a side of the kernel
uniform int stride;       // input pixels from one output pixel to the next
uniform int parities;     // along a side of the output: 2 for a transposed convolution, else 1
uniform float leak;       // slope of the activation below 0; 1: no activation
uniform int parameters;   // of a head

flat in int instance;
out vec4 channels;

ivec2 input_pixel(ivec2 pixel, int tap) {
    ivec2 place = pixel / parities * stride, parity = pixel % parities, along = ivec2(tap % taps, tap / taps);
    return parities == 2 ? place + parity - along : place + along - taps / 2;
}

vec4 products(ivec3 place, int row, int layer) {  // of four input channels
    vec4 sum = vec4(0.0), values = texelFetch(inputs, place, 0);
    for (int c = 0; c < 4; ++c) sum += values[c] * texelFetch(weights, ivec3(4 * place.z + c, row, layer), 0);
    return sum;
}

vec4 nearest_half(vec4 values) {  // drivers may truncate values that they store as half floats; that would halve the precision
    uvec4 bits = floatBitsToUint(values);
    return uintBitsToFloat((bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu);
}

void main() {
#if HEADS
    ivec2 pixel = ivec2(int(gl_FragCoord.y) % output_side, int(gl_FragCoord.y) / output_side);
    int row = instance * parameters / 4 + int(gl_FragCoord.x);
#else
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    int row = instance;
#endif
    ivec3 size = textureSize(inputs, 0);
    int first_layer = (pixel.y % parities * parities + pixel.x % parities) * taps * taps;
    vec4 sum = texelFetch(biases, bias_per_pixel ? ivec3(pixel, row) : ivec3(row, 0, 0), 0);
    for (int tap = 0; tap < taps * taps; ++tap) {
        ivec2 place = input_pixel(pixel, tap);
        if (any(lessThan(place, ivec2(0))) || any(greaterThanEqual(place, size.xy))) continue;
        for (int j = 0; j < size.z; ++j) sum += products(ivec3(place, j), row, first_layer + tap);
    }
    channels = nearest_half(mix(sum, sum * leak, lessThan(sum, vec4(0.0))));
}
