#version 330 core
// Packs decoded maps, one layer per channel, into texels of four channels. One instance per layer written.

uniform sampler2DArray maps;

flat in int instance;
out vec4 channels;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    for (int c = 0; c < 4; ++c)
        channels[c] = texelFetch(maps, ivec3(pixel, 4 * instance + c), 0).r;
}
