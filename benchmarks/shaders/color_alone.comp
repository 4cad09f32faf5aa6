#version 430 core
// The color pass with compute shaders, but each sample fetches the weights of its heads alone. A design that was measured and
// rejected; see benchmarks/opengl_designs.py. Defined by the program: SORTED (1: by head; 0: as listed).

layout(local_size_x = 64) in;

#include "color_head.glsl"
#include "render_buffers.glsl"

void main() {
    uint items = samples * uint(ITEMS), stride = 64u * gl_NumWorkGroups.x;
    for (uint index = gl_GlobalInvocationID.x; index < items; index += stride) {
        uint item = SORTED == 1 ? order[index] : index, sample_index = item / uint(ITEMS);
        vec4 F[8];
        float view[VIEW_CHANNELS];
        for (int i = 0; i < INPUTS; ++i) {
            vec2 pair = unpackHalf2x16(inputs[sample_index * uint(INPUT_WORDS) + uint(i / 8)][i % 8 / 2]);
            float value = i % 2 == 0 ? pair.x : pair.y;
            if (i < 32) F[i / 4][i % 4] = value;
            else view[i - 32] = value;
        }
        int of_sample = int(item % uint(ITEMS));
        int head = head_of_item(places[sample_index].xyz, of_sample).head;
        outputs[item] = vec4(head_output(head, of_sample / HEADS_PER_MAP, F, view), 0.0);
    }
}
