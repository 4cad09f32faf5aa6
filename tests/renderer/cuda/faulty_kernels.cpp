// Small kernels, most with a deliberate error that the emulation must detect.
#include "intrinsics.cuh"
#include "registry.h"

using mlpvid::int32;
using mlpvid::uint32;

struct Job {
    float* out;
    const float* in;
    int32 count;
    int32 unused;
};

// Sums each block's 64 numbers through shared memory. Without `barriers` it does not wait where it must.
static void sum_block(const Job& job, bool barriers) {
    __shared__ float values[64];
    const int32 i = static_cast<int32>(threadIdx.x);
    values[i] = job.in[blockIdx.x * 64 + threadIdx.x];
    if (barriers) __syncthreads();
    if (i != 0) return;
    float sum = 0.0f;
    for (int n = 0; n < 64; n++) sum += values[n];
    job.out[blockIdx.x] = sum;
}

extern "C" __global__ void sums(const Job job) {
    sum_block(job, true);
}

extern "C" __global__ void sums_without_barrier(const Job job) {
    sum_block(job, false);
}

// All threads write to the same address.
extern "C" __global__ void race(const Job job) {
    job.out[0] = static_cast<float>(threadIdx.x);
}

// Blocks read values that other blocks write.
extern "C" __global__ void race_of_blocks(const Job job) {
    if (threadIdx.x == 0) job.out[blockIdx.x] = blockIdx.x ? job.out[blockIdx.x - 1] : 1.0f;
}

extern "C" __global__ void count_atomically(const Job job) {
    atomicAdd(reinterpret_cast<uint32*>(job.out), 1u);
}

extern "C" __global__ void count_carelessly(const Job job) {
    uint32* count = reinterpret_cast<uint32*>(job.out);
    *count = *count + 1u;
}

// The last thread accesses one element too many.
extern "C" __global__ void write_beyond(const Job job) {
    const int32 i = static_cast<int32>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i <= job.count) job.out[i] = 1.0f;
}

extern "C" __global__ void read_before(const Job job) {
    job.out[threadIdx.x] = job.in[static_cast<int32>(threadIdx.x) - 1];
}

extern "C" __global__ void read_unwritten(const Job job) {
    if (threadIdx.x == 0) job.out[0] = job.out[1];
}

extern "C" __global__ void read_unwritten_shared(const Job job) {
    MLPVID_DYNAMIC_SHARED(float, values);
    job.out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void write_beyond_shared(const Job job) {
    MLPVID_DYNAMIC_SHARED(float, values);
    values[threadIdx.x + 1] = job.in[0];
}

extern "C" __global__ void misaligned(const Job job) {
    if (threadIdx.x == 0) *reinterpret_cast<float4*>(job.out + 1) = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

// Half of the threads return before the barrier.
extern "C" __global__ void divergent_barrier(const Job job) {
    if (threadIdx.x >= 32) return;
    __syncthreads();
    job.out[threadIdx.x] = 1.0f;
}

extern "C" __global__ void divergent_shuffle(const Job job) {
    if (threadIdx.x % 2) job.out[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, 1.0f, 0);
}

// Neighbors in a warp exchange values through memory. They wait for each other only if `count` is not 0.
extern "C" __global__ void swap_in_warp(const Job job) {
    job.out[threadIdx.x] = static_cast<float>(threadIdx.x);
    if (job.count) __syncwarp();
    const float other = job.out[threadIdx.x ^ 1u];
    if (job.count) __syncwarp();
    job.out[threadIdx.x] = other;
}

// Reads A (16 x 16), B (16 x 8) and D (16 x 8) as floats and writes A B + D.
extern "C" __global__ void multiply_matrices(const Job job) {
    const int lane = static_cast<int>(threadIdx.x), row = lane / 4, pair = lane % 4;
    const float *A = job.in, *B = A + 256, *D = B + 128;
    const auto two_of_a = [&](int r, int k) { return mlpvid::pack_halves(A[r * 16 + k], A[r * 16 + k + 1]); };
    const auto two_of_b = [&](int k) { return mlpvid::pack_halves(B[k * 8 + row], B[(k + 1) * 8 + row]); };
    const uint32 a[4] = {two_of_a(row, 2 * pair), two_of_a(row + 8, 2 * pair), two_of_a(row, 2 * pair + 8),
                         two_of_a(row + 8, 2 * pair + 8)};
    float d[4];
    for (int i = 0; i < 4; i++) d[i] = D[(row + i / 2 * 8) * 8 + 2 * pair + i % 2];
    mlpvid::multiply_accumulate(d, a, two_of_b(2 * pair), two_of_b(2 * pair + 8));
    for (int i = 0; i < 4; i++) job.out[(row + i / 2 * 8) * 8 + 2 * pair + i % 2] = d[i];
}

// Converts each float to a half and back.
extern "C" __global__ void round_to_half(const Job job) {
    const uint32 i = blockIdx.x * 32 + threadIdx.x;
    job.out[i] = mlpvid::low_half(mlpvid::pack_halves(job.in[i], 0.0f));
}

EMULATED_KERNEL(sums);
EMULATED_KERNEL(sums_without_barrier);
EMULATED_KERNEL(race);
EMULATED_KERNEL(race_of_blocks);
EMULATED_KERNEL(count_atomically);
EMULATED_KERNEL(count_carelessly);
EMULATED_KERNEL(write_beyond);
EMULATED_KERNEL(read_before);
EMULATED_KERNEL(read_unwritten);
EMULATED_KERNEL(read_unwritten_shared);
EMULATED_KERNEL(write_beyond_shared);
EMULATED_KERNEL(misaligned);
EMULATED_KERNEL(divergent_barrier);
EMULATED_KERNEL(divergent_shuffle);
EMULATED_KERNEL(swap_in_warp);
EMULATED_KERNEL(multiply_matrices);
EMULATED_KERNEL(round_to_half);
