// Bake kernels: hash tables at the time of a frame become 2D grids, maps are sorted by plane, and color heads become
// the layouts that the color pass reads.
#include "bake_arguments.cuh"

MLPVID_BEGIN

MLPVID_DEVICE uint32 node_word(const VideoBake& video, int plane, int pair, const BakeLevel& level, int32 u, int32 v) {
    const uint32 lower = entry_index(level.hash, entry_row(level.hash, v, level.time_node), u);
    const uint32 upper = entry_index(level.hash, entry_row(level.hash, v, level.time_node + 1), u);
    const uint32* table = video.tables[plane] + level.hash.offset * video.words_per_entry + video.pair_in_entry[pair];
    const uint32 a = __ldg(table + static_cast<int64>(lower) * video.words_per_entry);
    const uint32 b = __ldg(table + static_cast<int64>(upper) * video.words_per_entry);
    const float low = low_half(a) + level.time_weight * (low_half(b) - low_half(a));
    const float high = high_half(a) + level.time_weight * (high_half(b) - high_half(a));
    return pack_halves(low, high);
}

// The columns of occupancy cells that a grid's cells may share points with. The margin, in columns, is far above the
// rounding errors of points.
struct ColumnRange {
    int32 first, end;
};

MLPVID_DEVICE ColumnRange columns_of(int32 node, float columns_per_node, int32 columns) {
    constexpr float kMargin = 1e-3f;
    const float lower = static_cast<float>(node) * columns_per_node - kMargin;
    const float upper = static_cast<float>(node + 1) * columns_per_node + kMargin;
    const int32 first =
        smaller(larger(static_cast<int32>(lower), 0), columns - 1);  // the last nodes belong to the edge
    return {first, smaller(static_cast<int32>(upper) + 1, columns)};
}

// Whether a ray can take a sample in the cell of a grid whose lower corner is node (u, v).
MLPVID_DEVICE bool is_seen(const VideoBake& video, const uint32* bits, int plane, int pair, int32 u, int32 v) {
    const int32 rows = video.columns[plane][1];
    const ColumnRange along_u = columns_of(u, video.columns_per_node[pair][plane][0], video.columns[plane][0]);
    const ColumnRange along_v = columns_of(v, video.columns_per_node[pair][plane][1], rows);
    for (int32 i = along_u.first; i < along_u.end; i++)
        for (int32 bit = i * rows + along_v.first; bit < i * rows + along_v.end; bit++)
            if ((bits[bit >> 5] >> (bit & 31)) & 1u) return true;
    return false;
}

// The sum of the words at `source` of several maps, `stride` words apart, that `maps` has bits of.
MLPVID_DEVICE uint4 sum_of_maps(const uint4* source, int32 stride, int32 maps) {
    float sums[8] = {};
    for (int32 map = 0; maps >> map; map++) {
        if (!((maps >> map) & 1)) continue;
        const uint4 words = __ldg(source + map * stride);
        sums[0] += low_half(words.x), sums[1] += high_half(words.x);
        sums[2] += low_half(words.y), sums[3] += high_half(words.y);
        sums[4] += low_half(words.z), sums[5] += high_half(words.z);
        sums[6] += low_half(words.w), sums[7] += high_half(words.w);
    }
    return make_uint4(pack_halves(sums[0], sums[1]), pack_halves(sums[2], sums[3]), pack_halves(sums[4], sums[5]),
                      pack_halves(sums[6], sums[7]));
}

// A head in shared memory: its parameters, then the product of its first two layers.
struct HeadStage {
    float parameters[(kChannels + kHidden + kMaxViewChannels + 3) * kHidden];
    float product[kChannels][kHidden];
};

// Row `k` of the matrix that inputs are multiplied with, features in natural order.
MLPVID_DEVICE float input_weight(const VideoBake& bake, const HeadStage& stage, int k, int column) {
    if (k < kChannels) return stage.product[k][column];
    const float* W1 = stage.parameters + kChannels * kHidden;
    return k < kChannels + bake.view_channels ? W1[k * kHidden + column] : 0.0f;
}

MLPVID_DEVICE float last_weight(const VideoBake& bake, const HeadStage& stage, int k, int column) {
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
MLPVID_DEVICE uint32 fragment_word(const VideoBake& bake, const HeadStage& stage, int f, int lane, int w) {
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

MLPVID_DEVICE void stage_parameters(const VideoBake& bake, const uint16* colors, int map, int32 head,
                                    HeadStage& stage) {
    const int32 count = (kChannels + kHidden + bake.view_channels + 3) * kHidden;
    const uint16* source = colors + (static_cast<int64>(head) * bake.num_maps + map) * count;
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

MLPVID_DEVICE void write_rows(const VideoBake& bake, const HeadStage& stage, float* heads, int64 key) {
    const int32 inputs = kChannels + bake.view_channels;
    float* rows = heads + key * (inputs + 3) * kHidden;
    for (int32 i = static_cast<int32>(threadIdx.x); i < (inputs + 3) * kHidden; i += kBakeThreads) {
        const int32 row = i / kHidden, column = i % kHidden;
        rows[i] =
            row < inputs ? input_weight(bake, stage, row, column) : last_weight(bake, stage, column, row - inputs);
    }
}

MLPVID_END

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

// Blocks along x share the nodes of a pair; y is the pair, z the plane and the frame. Only cells that rays can take
// samples in are written. Pairs without a level use one cell of zeros.
extern "C" __global__ void __launch_bounds__(kBakeThreads)
    bake_grids(const __grid_constant__ VideoBake video, const __grid_constant__ DecodedMaps decoded) {
    const int pair = static_cast<int>(blockIdx.y), plane = static_cast<int>(blockIdx.z) % kPlanes;
    const int32 thread = static_cast<int32>(blockIdx.x * kBakeThreads + threadIdx.x);
    const FrameBake& frame = decoded.frames[blockIdx.z / kPlanes];
    uint4* grid = global(frame.grids[plane]) + video.pair_offset[pair];
    if (pair >= video.pair_count) {
        if (pair == video.pair_count && thread == 0) grid[0] = make_uint4(0u, 0u, 0u, 0u);
        return;
    }
    const BakeLevel level = frame.levels[pair];
    const uint32* bits = global(frame.columns[plane]);
    const int32 nodes = level.hash.resolution, stride = static_cast<int32>(gridDim.x) * kBakeThreads;
    for (int32 i = thread; i < nodes * nodes; i += stride) {
        const int32 u = i % nodes, v = i / nodes;
        if (!is_seen(video, bits, plane, pair, u, v)) continue;
        const int32 right = smaller(u + 1, nodes - 1), below = smaller(v + 1, nodes - 1);
        grid[i] = make_uint4(node_word(video, plane, pair, level, u, v), node_word(video, plane, pair, level, right, v),
                             node_word(video, plane, pair, level, u, below),
                             node_word(video, plane, pair, level, right, below));
    }
}

// Sorts the decoder's feature planes and density maps by plane, and sums the density maps of a plane. Blocks along x
// share 128-bit words of eight channels; y is the frame.
extern "C" __global__ void __launch_bounds__(kBakeThreads)
    bake_planes(const __grid_constant__ VideoBake video, const __grid_constant__ DecodedMaps decoded) {
    constexpr int32 kParts = kChannels / 8;
    const int64 index = blockIdx.y;
    const FrameBake& frame = decoded.frames[index];
    const uint4* features = decoded.features + index * video.feature_pixels * kPlanes * kParts;
    const uint4* densities = decoded.densities + index * video.density_pixels * video.num_maps * kParts;
    uint4 *feature_planes = global(frame.feature_planes), *density_maps = global(frame.density_maps);
    const int32 stride = static_cast<int32>(gridDim.x) * kBakeThreads;
    const int32 first = static_cast<int32>(blockIdx.x * kBakeThreads + threadIdx.x);
    for (int32 i = first; i < kPlanes * video.feature_pixels * kParts; i += stride) {
        const int32 part = i % kParts, pixel = i / kParts % video.feature_pixels;
        const int32 plane = i / kParts / video.feature_pixels;
        feature_planes[i] = __ldg(features + (pixel * kPlanes + plane) * kParts + part);
    }
    for (int32 i = first; i < video.density_maps * video.density_pixels * kParts; i += stride) {
        const int32 part = i % kParts, pixel = i / kParts % video.density_pixels;
        const int32 maps = video.density_sources[i / kParts / video.density_pixels];
        density_maps[i] = sum_of_maps(densities + pixel * video.num_maps * kParts + part, kParts, maps);
    }
}

// One block per head: x is the head, y the map, z the frame.
extern "C" __global__ void __launch_bounds__(kBakeThreads)
    bake_heads(const __grid_constant__ VideoBake video, const __grid_constant__ DecodedMaps decoded) {
    __shared__ HeadStage stage;
    const int map = static_cast<int>(blockIdx.y);
    const int32 head = static_cast<int32>(blockIdx.x);
    const FrameBake& frame = decoded.frames[blockIdx.z];
    const int32 parameters = (kChannels + kHidden + video.view_channels + 3) * kHidden;
    const int64 keys = static_cast<int64>(video.num_maps) * video.heads_per_map;
    stage_parameters(video, decoded.colors + blockIdx.z * keys * parameters, map, head, stage);
    __syncthreads();
    multiply_layers(stage);
    __syncthreads();
    const int64 key = static_cast<int64>(map) * video.heads_per_map + head;
    write_rows(video, stage, global(frame.heads), key);
    uint32* fragments = global(frame.fragments) + key * kHeadFragments * kWarp * 4;
    for (int i = static_cast<int>(threadIdx.x); i < kHeadFragments * kWarp * 4; i += kBakeThreads)
        fragments[i] = fragment_word(video, stage, i / (kWarp * 4), i / 4 % kWarp, i % 4);
}
