// Composite: one thread per pixel sums its kept samples back to front. The order does not depend on their slots
// (docs/format.md, "Rendering").
#include "mlpvid/compositing.h"
#include "mlpvid/head_assignment.h"
#include "ray_setup.cuh"

MLPVID_BEGIN

// Adds the blended outputs of the sample's heads on one map.
MLPVID_DEVICE void add_map_color(const BakedFrame& frame, const RenderBuffers& buffers, int map, const float* point,
                                 int32 item, float (&color)[3]) {
    if (buffers.assignments == frame.num_color_maps) {
        const float4 output = buffers.outputs[item + map];
        color[0] += output.x, color[1] += output.y, color[2] += output.z;
        return;
    }
    const HeadAssignment assigned = assign_heads(frame, map, point);
    MLPVID_UNROLL
    for (int i = 0; i < 4; i++) {
        const float4 output = buffers.outputs[item + 4 * map + i];
        color[0] += assigned.weights[i] * output.x;
        color[1] += assigned.weights[i] * output.y;
        color[2] += assigned.weights[i] * output.z;
    }
}

MLPVID_DEVICE void add_kept_sample(const BakedFrame& frame, const RenderBuffers& buffers, int32 sample, RaySums& sums) {
    const float4 place = buffers.places[sample];
    const float point[3] = {place.x, place.y, place.z};
    float color[3] = {};
    for (int map = 0; map < frame.num_color_maps; map++)
        add_map_color(frame, buffers, map, point, sample * buffers.assignments, color);
    for (int i = 0; i < 3; i++) color[i] = sigmoid(color[i]);
    add_sample(sums, place.w, color, buffers.distances[sample]);
}

MLPVID_DEVICE uint32 at_most_16_bits(uint32 count) {
    return count < 65535u ? count : 65535u;
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

extern "C" __global__ void __launch_bounds__(kGroupThreads)
    composite(const __grid_constant__ BakedFrame frame, const __grid_constant__ View view,
              const __grid_constant__ CameraRays rays, const __grid_constant__ RenderBuffers buffers) {
    const int32 pixels = view.width * view.height, stride = static_cast<int32>(gridDim.x) * kGroupThreads;
    for (int32 p = static_cast<int32>(blockIdx.x * kGroupThreads + threadIdx.x); p < pixels; p += stride) {
        RaySums sums = {};
        uint32 kept = 0;
        for (int32 sample = buffers.last[p]; sample >= 0; sample = buffers.previous[sample], kept++)
            add_kept_sample(frame, buffers, sample, sums);
        buffers.counts[p] = at_most_16_bits(buffers.counts[p]) | (at_most_16_bits(kept) << 16);
        buffers.rgba[p] = make_float4(smaller(sums.red, 1.0f), smaller(sums.green, 1.0f), smaller(sums.blue, 1.0f),
                                      smaller(sums.opacity, 1.0f));
        Ray ray;
        ray_direction(rays, view, p % view.width, p / view.width, ray);
        buffers.depth[p] = sums.opacity > 0.0f ? sums.distance / sums.opacity * ray.depth_per_meter : 0.0f;
    }
}
