// Color pass: each block shades tiles of samples that share a head. The head's weights are loaded into shared memory
// once per tile (docs/format.md, "Evaluating a point", color). Two implementations: plain float arithmetic, and tensor
// cores on half inputs with float accumulation.
#include "render_buffers.cuh"

MLPVID_BEGIN

constexpr int kColorWarps = kColorThreads / kWarp;
constexpr int kMatrixRows = 16;              // samples of one tensor core operation
constexpr int kStagedRows = kInputRows + 3;  // of the plain path: inputs, then W2 transposed

// The part of `order` that belongs to the tile.
struct ColorTile {
    int32 key;
    const int32* items;
    int32 count;
};

MLPVID_DEVICE ColorTile tile_at(const RenderBuffers& buffers, uint32 index) {
    const int2 tile = buffers.color_tiles[index];
    const int32 left = buffers.key_counts[tile.x] - tile.y;
    return {tile.x, buffers.order + buffers.key_starts[tile.x] + tile.y, left < kColorTile ? left : kColorTile};
}

MLPVID_DEVICE void unpack(uint4 words, float* values) {
    values[0] = low_half(words.x), values[1] = high_half(words.x);
    values[2] = low_half(words.y), values[3] = high_half(words.y);
    values[4] = low_half(words.z), values[5] = high_half(words.z);
    values[6] = low_half(words.w), values[7] = high_half(words.w);
}

// Copies a float head, with view rows padded with zeros.
MLPVID_DEVICE void stage_head(const BakedFrame& frame, int32 key, float (*rows)[kHidden]) {
    const int32 heads = frame.color_resolution * frame.color_resolution;
    const int32 inputs = kChannels + frame.view_channels;
    const float* head = frame.color_heads[key / heads] + static_cast<int64>(key % heads) * (inputs + 3) * kHidden;
    for (int32 i = static_cast<int32>(threadIdx.x); i < kStagedRows * kHidden; i += kColorThreads) {
        const int32 row = i / kHidden, column = i % kHidden;
        const int32 source = row >= kInputRows ? row - kInputRows + inputs : row;
        const bool padding = row >= inputs && row < kInputRows;
        rows[row][column] = padding ? 0.0f : __ldg(head + source * kHidden + column);
    }
}

// Evaluates the first layer for eight inputs.
MLPVID_DEVICE void add_inputs(uint4 words, const float (*rows)[kHidden], float (&hidden)[kHidden]) {
    float inputs[8];
    unpack(words, inputs);
    MLPVID_UNROLL
    for (int i = 0; i < 8; i++) {
        MLPVID_UNROLL
        for (int j = 0; j < kHidden; j++) hidden[j] += inputs[i] * rows[i][j];
    }
}

// Evaluates a head in shared memory for one sample.
MLPVID_DEVICE void shade_plain(const RenderBuffers& buffers, int32 item, const float (*rows)[kHidden]) {
    const int32 sample = item / buffers.assignments;
    const uint4* features = reinterpret_cast<const uint4*>(buffers.features) + static_cast<int64>(sample) * 4;
    const uint4* view = buffers.views + 2 * static_cast<int64>(buffers.pixels[sample]);
    float hidden[kHidden] = {}, output[3] = {};
    MLPVID_NO_UNROLL
    for (int i = 0; i < 4; i++) add_inputs(features[i], rows + 8 * i, hidden);
    MLPVID_NO_UNROLL
    for (int i = 0; i < 2; i++) add_inputs(view[i], rows + kChannels + 8 * i, hidden);
    MLPVID_UNROLL
    for (int j = 0; j < kHidden; j++) {
        const float h = larger(hidden[j], 0.0f);
        for (int c = 0; c < 3; c++) output[c] += h * rows[kInputRows + c][j];
    }
    buffers.outputs[item] = make_float4(output[0], output[1], output[2], 0.0f);
}

// The inputs of 16 samples that a lane holds: two 16-wide steps of features and one of the view. Channels are
// distributed over the steps so that a lane reads 128 bits at once. bake.cu orders the weights' rows in the same way.
struct MatrixInputs {
    uint32 steps[3][4];
};

MLPVID_DEVICE void load_inputs(const RenderBuffers& buffers, int32 sample, int half, MatrixInputs& inputs) {
    const int pair = lane_index() % 4;
    const uint4* features = reinterpret_cast<const uint4*>(buffers.features) + static_cast<int64>(sample) * 4;
    const uint4 f = features[pair];
    const uint2* views = reinterpret_cast<const uint2*>(buffers.views + 2 * static_cast<int64>(buffers.pixels[sample]));
    const uint2 v = views[pair];
    inputs.steps[0][half] = f.x, inputs.steps[0][half + 2] = f.y;
    inputs.steps[1][half] = f.z, inputs.steps[1][half + 2] = f.w;
    inputs.steps[2][half] = v.x, inputs.steps[2][half + 2] = v.y;
}

MLPVID_DEVICE void multiply_tile(const MatrixInputs& inputs, const uint4* fragments, float (&hidden)[4][4]) {
    MLPVID_UNROLL
    for (int step = 0; step < 3; step++) {
        MLPVID_UNROLL
        for (int part = 0; part < 2; part++) {
            const uint4 b = fragments[(2 * step + part) * kWarp + lane_index()];
            multiply_accumulate(hidden[2 * part], inputs.steps[step], b.x, b.y);
            multiply_accumulate(hidden[2 * part + 1], inputs.steps[step], b.z, b.w);
        }
    }
}

// The sums of the first layer are already in the registers where the last layer needs its inputs.
MLPVID_DEVICE void multiply_last(const float (&hidden)[4][4], uint4 fragment, float (&output)[4]) {
    MLPVID_UNROLL
    for (int step = 0; step < 2; step++) {
        uint32 a[4];
        MLPVID_UNROLL
        for (int i = 0; i < 4; i++) {
            const float* h = hidden[2 * step + i / 2] + 2 * (i % 2);
            a[i] = pack_halves(larger(h[0], 0.0f), larger(h[1], 0.0f));
        }
        multiply_accumulate(output, a, step ? fragment.z : fragment.x, step ? fragment.w : fragment.y);
    }
}

// Lanes with pair 0 hold red and green of the rows `row` and `row + 8`; lanes with pair 1 hold blue.
MLPVID_DEVICE void store_outputs(const RenderBuffers& buffers, int32 item, int half, const float (&output)[4]) {
    float* place = reinterpret_cast<float*>(buffers.outputs + item);
    const int pair = lane_index() % 4;
    if (pair == 0) *reinterpret_cast<float2*>(place) = make_float2(output[2 * half], output[2 * half + 1]);
    if (pair == 1) place[2] = output[2 * half];
}

// Evaluates a head in shared memory for 16 samples with one warp. Rows beyond the tile repeat its last sample and are
// not stored.
MLPVID_DEVICE void shade_matrix(const RenderBuffers& buffers, const ColorTile& tile, int32 first,
                                const uint4* fragments) {
    const int32 row = first + lane_index() / 4, last = tile.count - 1;
    const int32 items[2] = {tile.items[row < last ? row : last], tile.items[row + 8 < last ? row + 8 : last]};
    MatrixInputs inputs;
    load_inputs(buffers, items[0] / buffers.assignments, 0, inputs);
    load_inputs(buffers, items[1] / buffers.assignments, 1, inputs);
    float hidden[4][4] = {}, output[4] = {};
    multiply_tile(inputs, fragments, hidden);
    multiply_last(hidden, fragments[6 * kWarp + lane_index()], output);
    if (row < tile.count) store_outputs(buffers, items[0], 0, output);
    if (row + 8 < tile.count) store_outputs(buffers, items[1], 1, output);
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

extern "C" __global__ void __launch_bounds__(kColorThreads)
    color_pass_plain(const __grid_constant__ BakedFrame frame, const __grid_constant__ RenderBuffers buffers) {
    __shared__ __align__(16) float rows[kStagedRows][kHidden];
    const uint32 tiles = buffers.counters->color_tiles;
    for (uint32 index = blockIdx.x; index < tiles; index += gridDim.x) {
        const ColorTile tile = tile_at(buffers, index);
        __syncthreads();
        stage_head(frame, tile.key, rows);
        __syncthreads();
        const int32 n = static_cast<int32>(threadIdx.x);
        if (n < tile.count) shade_plain(buffers, tile.items[n], rows);
    }
}

extern "C" __global__ void __launch_bounds__(kColorThreads)
    color_pass_matrix(const __grid_constant__ RenderBuffers buffers) {
    __shared__ __align__(16) uint4 fragments[kHeadFragments * kWarp];
    const uint32 tiles = buffers.counters->color_tiles;
    for (uint32 index = blockIdx.x; index < tiles; index += gridDim.x) {
        const ColorTile tile = tile_at(buffers, index);
        const uint4* head = buffers.head_fragments + static_cast<int64>(tile.key) * kHeadFragments * kWarp;
        __syncthreads();
        for (int32 i = static_cast<int32>(threadIdx.x); i < kHeadFragments * kWarp; i += kColorThreads)
            fragments[i] = __ldg(head + i);
        __syncthreads();
        const int32 warp = static_cast<int32>(threadIdx.x) / kWarp;
        for (int32 first = warp * kMatrixRows; first < tile.count; first += kColorWarps * kMatrixRows)
            shade_matrix(buffers, tile, first, fragments);
    }
}
