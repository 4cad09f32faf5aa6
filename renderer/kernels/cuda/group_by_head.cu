// Counting sort of the kept samples' items by head: count, scan, scatter. The order within a head is arbitrary and does
// not affect the result: an item's result depends only on the item and is stored in its own slot.
#include "mlpvid/head_assignment.h"
#include "render_buffers.cuh"

MLPVID_BEGIN

constexpr int kMaxAssignments = 4 * kPlanes;

MLPVID_DEVICE int32 stored_samples(const RenderBuffers& buffers) {
    const uint32 kept = buffers.counters->kept_samples;
    return kept < static_cast<uint32>(buffers.capacity) ? static_cast<int32>(kept) : buffers.capacity;
}

// Computes the keys of a sample's heads, in the order of its items.
MLPVID_DEVICE void keys_of(const BakedFrame& frame, const RenderBuffers& buffers, int32 sample,
                           int32 (&keys)[kMaxAssignments]) {
    const float4 place = buffers.places[sample];
    const float point[3] = {place.x, place.y, place.z};
    const int32 heads = frame.color_resolution * frame.color_resolution;
    const int32 per_map = buffers.assignments / frame.num_color_maps;
    MLPVID_UNROLL
    for (int map = 0; map < kPlanes; map++) {
        if (map >= frame.num_color_maps) continue;
        const HeadAssignment assigned = assign_heads(frame, map, point);
        if (per_map == 1) {
            keys[map] = map * heads + assigned.heads[0];
        } else {
            MLPVID_UNROLL
            for (int i = 0; i < 4; i++) keys[4 * map + i] = map * heads + assigned.heads[i];
        }
    }
}

MLPVID_DEVICE void clear(int32* values, int32 count) {
    for (int32 i = static_cast<int32>(threadIdx.x); i < count; i += kGroupThreads) values[i] = 0;
}

// Returns the sum over the lanes up to and including this one.
MLPVID_DEVICE int32 warp_scan(int32 value) {
    for (int offset = 1; offset < kWarp; offset *= 2) {
        const int32 before = __shfl_up_sync(kWholeWarp, value, offset);
        if (lane_index() >= offset) value += before;
    }
    return value;
}

// Returns the sum over the threads of the block before this one; `warps` is shared memory for one number per warp.
MLPVID_DEVICE int32 block_scan(int32 value, int32* warps) {
    const int32 warp = static_cast<int32>(threadIdx.x) / kWarp;
    const int32 inclusive = warp_scan(value);
    __syncthreads();
    if (lane_index() == kWarp - 1) warps[warp] = inclusive;
    __syncthreads();
    int32 before = 0;
    for (int i = 0; i < warp; i++) before += warps[i];
    return before + inclusive - value;
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

// Counts the items of each key. Blocks count in shared memory (`keys` numbers) first.
extern "C" __global__ void __launch_bounds__(kGroupThreads)
    count_heads(const __grid_constant__ BakedFrame frame, const __grid_constant__ RenderBuffers buffers) {
    MLPVID_DYNAMIC_SHARED(int32, counts);
    clear(counts, buffers.keys);
    __syncthreads();
    const int32 samples = stored_samples(buffers), stride = static_cast<int32>(gridDim.x) * kGroupThreads;
    for (int32 s = static_cast<int32>(blockIdx.x * kGroupThreads + threadIdx.x); s < samples; s += stride) {
        int32 keys[kMaxAssignments];
        keys_of(frame, buffers, s, keys);
        MLPVID_UNROLL
        for (int i = 0; i < kMaxAssignments; i++)
            if (i < buffers.assignments) atomicAdd(counts + keys[i], 1);
    }
    __syncthreads();
    for (int32 key = static_cast<int32>(threadIdx.x); key < buffers.keys; key += kGroupThreads)
        if (counts[key] > 0) atomicAdd(buffers.key_counts + key, counts[key]);
}

// Computes the first item of each key, and the color pass's list of tiles. Runs as one block; each thread processes
// consecutive keys.
extern "C" __global__ void __launch_bounds__(kGroupThreads) scan_heads(const __grid_constant__ RenderBuffers buffers) {
    __shared__ int32 warps[kGroupThreads / kWarp];
    const int32 run = (buffers.keys + kGroupThreads - 1) / kGroupThreads;
    const int32 first = smaller(static_cast<int32>(threadIdx.x) * run, buffers.keys);
    const int32 end = smaller(first + run, buffers.keys);
    int32 items = 0, tiles = 0;
    for (int32 key = first; key < end; key++) {
        items += buffers.key_counts[key];
        tiles += (buffers.key_counts[key] + kColorTile - 1) / kColorTile;
    }
    int32 item = block_scan(items, warps);
    int32 tile = block_scan(tiles, warps);
    for (int32 key = first; key < end; key++) {
        const int32 count = buffers.key_counts[key];
        buffers.key_starts[key] = item;
        item += count;
        for (int32 done = 0; done < count; done += kColorTile) buffers.color_tiles[tile++] = make_int2(key, done);
    }
    if (threadIdx.x == kGroupThreads - 1) buffers.counters->color_tiles = static_cast<uint32>(tile);
}

// Writes each item into the range of its key. A block ranks its samples' items in shared memory (`keys` numbers) and
// reserves space for them with one atomic operation per key.
extern "C" __global__ void __launch_bounds__(kGroupThreads)
    scatter_heads(const __grid_constant__ BakedFrame frame, const __grid_constant__ RenderBuffers buffers) {
    MLPVID_DYNAMIC_SHARED(int32, places);
    const int32 samples = stored_samples(buffers), stride = static_cast<int32>(gridDim.x) * kGroupThreads;
    for (int32 first = static_cast<int32>(blockIdx.x) * kGroupThreads; first < samples; first += stride) {
        const int32 sample = first + static_cast<int32>(threadIdx.x);
        int32 keys[kMaxAssignments], ranks[kMaxAssignments];
        __syncthreads();
        clear(places, buffers.keys);
        __syncthreads();
        if (sample < samples) {
            keys_of(frame, buffers, sample, keys);
            MLPVID_UNROLL
            for (int i = 0; i < kMaxAssignments; i++)
                if (i < buffers.assignments) ranks[i] = atomicAdd(places + keys[i], 1);
        }
        __syncthreads();
        for (int32 key = static_cast<int32>(threadIdx.x); key < buffers.keys; key += kGroupThreads) {
            const int32 count = places[key];
            if (count > 0) places[key] = buffers.key_starts[key] + atomicAdd(buffers.key_cursors + key, count);
        }
        __syncthreads();
        if (sample >= samples) continue;
        MLPVID_UNROLL
        for (int i = 0; i < kMaxAssignments; i++)
            if (i < buffers.assignments) buffers.order[places[keys[i]] + ranks[i]] = sample * buffers.assignments + i;
    }
}
