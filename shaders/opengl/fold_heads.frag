#version 330 core
// Multiplies the first two layers of the color heads, which have no activation between them: with h0 = F W0, [h0, view] W1
// equals F (W0 W1) + view W1. One row per head, one instance per MLP plane. The texels of a row:
//   8 i + j             W0 W1 from feature i to the hidden units 4 j to 4 j + 3
//   256 + 8 v + j       W1 from the view channel v to the same units
//   256 + 8 V + 3 j + k W2 from the same units to color k
// Defined by the program: VIEW_CHANNELS (V).

uniform sampler2DArray color_maps;  // one row per head, four parameters per texel: W0 (32 x 32), W1 ((32 + V) x 32) and
                                    // W2 (32 x 3), row-major [in][out]

flat in int instance;
out vec4 weights;

const int W1 = 32 * 32, W2 = W1 + (32 + VIEW_CHANNELS) * 32;

vec4 four_parameters(int first) {  // a multiple of four
    return texelFetch(color_maps, ivec3(first / 4, int(gl_FragCoord.y), instance), 0);
}

float parameter(int index) {
    return four_parameters(index)[index % 4];
}

vec4 folded(int feature, int j) {
    vec4 sum = vec4(0.0);
    for (int k = 0; k < 32; k += 4) {
        vec4 from_feature = four_parameters(32 * feature + k);
        for (int c = 0; c < 4; ++c) sum += from_feature[c] * four_parameters(W1 + 32 * (k + c) + 4 * j);
    }
    return sum;
}

vec4 output_weights(int j, int color) {
    int first = W2 + 12 * j + color;
    return vec4(parameter(first), parameter(first + 3), parameter(first + 6), parameter(first + 9));
}

void main() {
    int texel = int(gl_FragCoord.x);
    int view_texel = texel - 256, output_texel = view_texel - 8 * VIEW_CHANNELS;
    if (view_texel < 0)
        weights = folded(texel / 8, texel % 8);
    else if (output_texel < 0)
        weights = four_parameters(W1 + 32 * (32 + view_texel / 8) + 4 * (view_texel % 8));
    else
        weights = output_weights(output_texel / 3, output_texel % 3);
}
