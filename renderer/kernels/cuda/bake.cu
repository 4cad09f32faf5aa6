// Bake kernels: hash tables at the frame's time become 2D grids, and color heads become the layouts that the color pass
// reads.
#include "bake_arguments.cuh"

MLPVID_BEGIN

MLPVID_DEVICE uint32 node_word(const GridBake& bake, int plane, int pair, const BakeLevel& level, int32 u, int32 v) {
    const uint32 lower = entry_index(level.hash, entry_row(level.hash, v, level.time_node), u);
    const uint32 upper = entry_index(level.hash, entry_row(level.hash, v, level.time_node + 1), u);
    const uint32* table = bake.tables[plane] + level.hash.offset * bake.words_per_entry + bake.pair_in_entry[pair];
    const uint32 a = __ldg(table + static_cast<int64>(lower) * bake.words_per_entry);
    const uint32 b = __ldg(table + static_cast<int64>(upper) * bake.words_per_entry);
    const float low = low_half(a) + level.time_weight * (low_half(b) - low_half(a));
    const float high = high_half(a) + level.time_weight * (high_half(b) - high_half(a));
    return pack_halves(low, high);
}

// A head in shared memory: its parameters, then the product of its first two layers.
struct HeadStage {
    float parameters[(kChannels + kHidden + kMaxViewChannels + 3) * kHidden];
    float product[kChannels][kHidden];
};

// Row `k` of the matrix that inputs are multiplied with, features in natural order.
MLPVID_DEVICE float input_weight(const HeadBake& bake, const HeadStage& stage, int k, int column) {
    if (k < kChannels) return stage.product[k][column];
    const float* W1 = stage.parameters + kChannels * kHidden;
    return k < kChannels + bake.view_channels ? W1[k * kHidden + column] : 0.0f;
}

MLPVID_DEVICE float last_weight(const HeadBake& bake, const HeadStage& stage, int k, int column) {
    const float* W2 = stage.parameters + (kChannels + kHidden + bake.view_channels) * kHidden;
    return column < 3 ? W2[k * 3 + column] : 0.0f;
}

MLPVID_DEVICE uint32 saturated_pair(float low, float high) {
    return half_of(low) | (static_cast<uint32>(half_of(high)) << 16);
}

// Word `w` (0 to 3) of lane `lane` of fragment `f`: a pair of rows of one column, in the layout of B in
// multiply_accumulate. Fragments 0 to 5 are two per step: words 0 and 1 belong to column block 2 * part, words 2 and 3
// to the next one. Fragment 6 holds both steps of the last layer. Rows have the order in which load_inputs in
// color_pass.cu distributes channels.
MLPVID_DEVICE uint32 fragment_word(const HeadBake& bake, const HeadStage& stage, int f, int lane, int w) {
    const int pair = lane % 4, column = lane / 4, upper = w % 2;
    if (f == kHeadFragments - 1) {
        const int k = 16 * (w / 2) + 8 * upper + 2 * pair;
        return saturated_pair(last_weight(bake, stage, k, column), last_weight(bake, stage, k + 1, column));
    }
    const int step = f / 2, block = 2 * (f % 2) + w / 2;
    const int k = step < 2 ? 2 * (4 * pair + 2 * step + upper) : kChannels + 2 * (2 * pair + upper);
    const int j = 8 * block + column;
    return saturated_pair(input_weight(bake, stage, k, j), input_weight(bake, stage, k + 1, j));
}

MLPVID_DEVICE void stage_parameters(const HeadBake& bake, int map, int32 head, HeadStage& stage) {
    const int32 count = (kChannels + kHidden + bake.view_channels + 3) * kHidden;
    const uint16* source = bake.maps + (static_cast<int64>(head) * bake.num_maps + map) * count;
    const uint32* words = reinterpret_cast<const uint32*>(source);
    for (int32 i = static_cast<int32>(threadIdx.x); i < count / 2; i += kBakeThreads) {
        const uint32 word = __ldg(words + i);
        stage.parameters[2 * i] = low_half(word);
        stage.parameters[2 * i + 1] = high_half(word);
    }
}

MLPVID_DEVICE void multiply_layers(HeadStage& stage) {
    const float* W1 = stage.parameters + kChannels * kHidden;
    for (int i = static_cast<int>(threadIdx.x); i < kChannels * kHidden; i += kBakeThreads) {
        const int row = i / kHidden, column = i % kHidden;
        float sum = 0.0f;
        for (int k = 0; k < kHidden; k++) sum += stage.parameters[row * kHidden + k] * W1[k * kHidden + column];
        stage.product[row][column] = sum;
    }
}

MLPVID_DEVICE void write_rows(const HeadBake& bake, const HeadStage& stage, int map, int32 head) {
    const int32 inputs = kChannels + bake.view_channels;
    float* rows = bake.heads[map] + static_cast<int64>(head) * (inputs + 3) * kHidden;
    for (int32 i = static_cast<int32>(threadIdx.x); i < (inputs + 3) * kHidden; i += kBakeThreads) {
        const int32 row = i / kHidden, column = i % kHidden;
        const int32 place = row < kChannels ? memory_order(row) : row;
        rows[place * kHidden + column] =
            row < inputs ? input_weight(bake, stage, row, column) : last_weight(bake, stage, column, row - inputs);
    }
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

// Blocks along x share the nodes of a pair; y is the pair and z the plane. Pairs without a level use one cell of zeros.
extern "C" __global__ void __launch_bounds__(kBakeThreads) bake_grids(const __grid_constant__ GridBake bake) {
    const int pair = static_cast<int>(blockIdx.y), plane = static_cast<int>(blockIdx.z);
    const int32 thread = static_cast<int32>(blockIdx.x * kBakeThreads + threadIdx.x);
    uint4* grid = bake.grids[plane] + bake.pair_offset[pair];
    if (pair >= bake.pair_count) {
        if (pair == bake.pair_count && thread == 0) grid[0] = make_uint4(0u, 0u, 0u, 0u);
        return;
    }
    const BakeLevel level = bake.levels[pair];
    const int32 nodes = level.hash.resolution, stride = static_cast<int32>(gridDim.x) * kBakeThreads;
    for (int32 i = thread; i < nodes * nodes; i += stride) {
        const int32 u = i % nodes, v = i / nodes;
        const int32 right = smaller(u + 1, nodes - 1), below = smaller(v + 1, nodes - 1);
        grid[i] = make_uint4(node_word(bake, plane, pair, level, u, v), node_word(bake, plane, pair, level, right, v),
                             node_word(bake, plane, pair, level, u, below),
                             node_word(bake, plane, pair, level, right, below));
    }
}

// One block per head.
extern "C" __global__ void __launch_bounds__(kBakeThreads) bake_heads(const __grid_constant__ HeadBake bake) {
    __shared__ HeadStage stage;
    const int map = static_cast<int>(blockIdx.y);
    const int32 head = static_cast<int32>(blockIdx.x);
    stage_parameters(bake, map, head, stage);
    __syncthreads();
    multiply_layers(stage);
    __syncthreads();
    write_rows(bake, stage, map, head);
    const int64 key = static_cast<int64>(map) * bake.heads_per_map + head;
    uint32* fragments = bake.fragments + key * kHeadFragments * kWarp * 4;
    for (int i = static_cast<int>(threadIdx.x); i < kHeadFragments * kWarp * 4; i += kBakeThreads)
        fragments[i] = fragment_word(bake, stage, i / (kWarp * 4), i / 4 % kWarp, i % 4);
}
