// Density pass: one thread per ray. A ray traverses the occupied cells front to back until T <= min_transmittance
// (docs/format.md, "Rendering"). Samples whose weight exceeds tau2 are appended for the color pass.
#include "density.cuh"
#include "mlpvid/compositing.h"
#include "mlpvid/occupancy.h"
#include "mlpvid/view_encoding.h"
#include "ray_setup.cuh"

MLPVID_BEGIN

// The state of a ray; `last` links its kept samples, so that the order of the appends does not affect the image.
struct March {
    Ray ray;
    OccupancyTraversal traversal;
    int32 pixel, last;
    uint32 density_samples;
    float transmittance;
    bool active;
};

MLPVID_DEVICE March begin_march(const BakedFrame& frame, const View& view, const CameraRays& rays, int32 tile) {
    March march = {};
    const int32 x = tile % rays.tiles_in_row * kTileColumns + lane_index() % kTileColumns;
    const int32 y = tile / rays.tiles_in_row * kTileRows + lane_index() / kTileColumns;
    march.pixel = x < view.width && y < view.height ? y * view.width + x : -1;
    march.last = -1;
    march.transmittance = 1.0f;
    if (march.pixel < 0) return march;
    ray_direction(rays, view, x, y, march.ray);
    intersect_box(view, march.ray);
    march.active = march.ray.t_first < march.ray.t_far;
    if (march.active) march.traversal.start(frame, view, march.ray, 0);
    return march;
}

// Reserves slots for the warp's kept samples with one atomic operation. The whole warp must call it.
MLPVID_DEVICE int32 take_slot(const RenderBuffers& buffers, bool keep) {
    const uint32 keepers = __ballot_sync(kWholeWarp, keep);
    if (keepers == 0) return -1;
    uint32 first = 0;
    if (lane_index() == 0) first = atomicAdd(&buffers.counters->kept_samples, static_cast<uint32>(__popc(keepers)));
    first = __shfl_sync(kWholeWarp, first, 0);
    const uint32 slot = first + static_cast<uint32>(__popc(keepers & ((1u << lane_index()) - 1u)));
    return keep && slot < static_cast<uint32>(buffers.capacity) ? static_cast<int32>(slot) : -1;
}

MLPVID_DEVICE void store_sample(const RenderBuffers& buffers, int32 slot, March& march, const float* point,
                                float weight, float distance, const float (&features)[kChannels]) {
    uint4* words = reinterpret_cast<uint4*>(buffers.features + static_cast<int64>(slot) * kFeatureWords);
    MLPVID_UNROLL
    for (int i = 0; i < kFeatureWords / 4; i++) {
        const float* f = features + 8 * i;
        words[i] = make_uint4(pack_halves(f[0], f[1]), pack_halves(f[2], f[3]), pack_halves(f[4], f[5]),
                              pack_halves(f[6], f[7]));
    }
    buffers.places[slot] = make_float4(point[0], point[1], point[2], weight);
    buffers.distances[slot] = distance;
    buffers.pixels[slot] = march.pixel;
    buffers.previous[slot] = march.last;
    march.last = slot;
}

// Evaluates one sample of each of the warp's rays.
MLPVID_DEVICE void march_step(const BakedFrame& frame, const View& view, const RenderBuffers& buffers, March& march) {
    float point[3] = {}, distance = 0.0f, weight = 0.0f, features[kChannels];
    march.active = march.active && march.traversal.next(frame, view, march.ray, point, distance);
    if (march.active) {
        march.density_samples++;
        weight = volume_weight(density_of(frame, point, features), view.step, march.transmittance);
    }
    const bool keep = march.active && weight > view.weight_threshold;
    const int32 slot = take_slot(buffers, keep);
    if (slot >= 0) store_sample(buffers, slot, march, point, weight, distance, features);
    // Later weights cannot exceed the remaining transmittance, so the image is the same.
    if (march.transmittance <= view.min_transmittance) march.active = false;
}

MLPVID_DEVICE void store_view(const BakedFrame& frame, const RenderBuffers& buffers, const March& march) {
    float encoded[2 * kViewWords] = {};
    encode_direction(frame, march.ray.direction, encoded);
    const float* e = encoded;
    uint4* words = buffers.views + 2 * static_cast<int64>(march.pixel);
    words[0] =
        make_uint4(pack_halves(e[0], e[1]), pack_halves(e[2], e[3]), pack_halves(e[4], e[5]), pack_halves(e[6], e[7]));
    words[1] = make_uint4(pack_halves(e[8], e[9]), pack_halves(e[10], e[11]), pack_halves(e[12], e[13]),
                          pack_halves(e[14], e[15]));
}

MLPVID_DEVICE void end_march(const BakedFrame& frame, const RenderBuffers& buffers, const March& march) {
    uint32 samples = march.density_samples;
    for (int offset = kWarp / 2; offset > 0; offset /= 2) samples += __shfl_xor_sync(kWholeWarp, samples, offset);
    if (lane_index() == 0 && samples > 0)
        atomicAdd(&buffers.counters->density_samples, static_cast<unsigned long long>(samples));
    if (march.pixel < 0) return;
    buffers.last[march.pixel] = march.last;
    buffers.counts[march.pixel] = march.density_samples;
    if (march.last >= 0) store_view(frame, buffers, march);
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

extern "C" __global__ void __launch_bounds__(kDensityThreads, 4)
    density_pass(const __grid_constant__ BakedFrame frame, const __grid_constant__ View view,
                 const __grid_constant__ CameraRays rays, const __grid_constant__ RenderBuffers buffers) {
    for (;;) {
        uint32 tile = 0;
        if (lane_index() == 0) tile = atomicAdd(&buffers.counters->next_tile, 1u);
        tile = __shfl_sync(kWholeWarp, tile, 0);
        if (tile >= static_cast<uint32>(rays.tiles)) return;
        March march = begin_march(frame, view, rays, static_cast<int32>(tile));
        while (__any_sync(kWholeWarp, march.active)) march_step(frame, view, buffers, march);
        end_march(frame, buffers, march);
    }
}
