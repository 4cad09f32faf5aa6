// Composite: one thread a pixel sums its kept samples, always back to front, whatever slots they were appended to.
#include "mlpvid/color_head.h"
#include "mlpvid/compositing.h"
#include "ray_setup.cuh"

MLPVID_BEGIN

// What the sample's heads on one map say, blended.
MLPVID_DEVICE void add_map_color(const BakedFrame& field, const RenderBuffers& work, int map, const float* point,
                                 int32 item, float (&color)[3]) {
    if (work.assignments == field.num_color_maps) {
        const float4 output = work.outputs[item + map];
        color[0] += output.x, color[1] += output.y, color[2] += output.z;
        return;
    }
    const HeadAssignment assigned = assign_heads(field, map, point);
    MLPVID_UNROLL
    for (int i = 0; i < 4; i++) {
        const float4 output = work.outputs[item + 4 * map + i];
        color[0] += assigned.weights[i] * output.x;
        color[1] += assigned.weights[i] * output.y;
        color[2] += assigned.weights[i] * output.z;
    }
}

MLPVID_DEVICE void add_kept_sample(const BakedFrame& field, const RenderBuffers& work, int32 sample, RaySums& sums) {
    const float4 place = work.places[sample];
    const float point[3] = {place.x, place.y, place.z};
    float color[3] = {};
    for (int map = 0; map < field.num_color_maps; map++)
        add_map_color(field, work, map, point, sample * work.assignments, color);
    for (int i = 0; i < 3; i++) color[i] = sigmoid(color[i]);
    add_sample(sums, place.w, color, work.distances[sample]);
}

MLPVID_DEVICE uint32 at_most_16_bits(uint32 count) {
    return count < 65535u ? count : 65535u;
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_ISA;

extern "C" __global__ void __launch_bounds__(kGroupThreads)
    composite(const __grid_constant__ BakedFrame field, const __grid_constant__ View view,
              const __grid_constant__ RayFrame rays, const __grid_constant__ RenderBuffers work) {
    const int32 pixels = view.width * view.height, stride = static_cast<int32>(gridDim.x) * kGroupThreads;
    for (int32 p = static_cast<int32>(blockIdx.x * kGroupThreads + threadIdx.x); p < pixels; p += stride) {
        RaySums sums = {};
        uint32 kept = 0;
        for (int32 sample = work.last[p]; sample >= 0; sample = work.previous[sample], kept++)
            add_kept_sample(field, work, sample, sums);
        work.counts[p] = at_most_16_bits(work.counts[p]) | (at_most_16_bits(kept) << 16);
        work.rgba[p] = make_float4(smaller(sums.red, 1.0f), smaller(sums.green, 1.0f), smaller(sums.blue, 1.0f),
                                   smaller(sums.opacity, 1.0f));
        Ray ray;
        aim(rays, view, p % view.width, p / view.width, ray);
        work.depth[p] = sums.opacity > 0.0f ? sums.distance / sums.opacity * ray.depth_per_meter : 0.0f;
    }
}
