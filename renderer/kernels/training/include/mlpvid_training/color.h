// Color heads on samples grouped by head, and their gradients (docs/format.md, "Evaluating a point", color):
// h0 = F W0, h1 = relu([h0, view] W1), rgb = h1 W2.
//
// There is no activation between the first two layers, so W0 is multiplied into W1 once for all samples of a head:
// h1 = relu([F, view] W). In the backward pass the gradient of the product is passed on to both factors, also once.
#pragma once

#include <cmath>

#include "mlpvid/head_assignment.h"
#include "mlpvid_training/arguments.h"
#include "mlpvid_training/random.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

constexpr int kMaxView = 16;
constexpr int kInner = kChannels + kMaxView;

template <class T>
MLPVID_FUNCTION T* head_at(const ColorMaps<T>& maps, int plane, int64_t index) {
    return maps.data + plane * maps.plane_stride + index / maps.size * maps.u_stride +
           index % maps.size * maps.v_stride;
}

// Returns the number of nearest heads that a sample goes through on one plane.
MLPVID_FUNCTION int corners(Assignment assignment, int size) {
    return assignment == Assignment::bilinear && size > 1 ? 4 : 1;
}

template <class T>
struct HeadChoice {
    int index;
    T weight;
};

// Returns the head of a sample on a plane and the weight of its output; see model/query.py. If stochastic, it draws one
// of the four nearest with its bilinear weight as probability, so that the expected output is the bilinear one.
template <class T>
MLPVID_FUNCTION HeadChoice<T> choose_head(const ColorSamples<T>& samples, int size, int plane, int corner, int64_t k,
                                          T u, T v) {
    if (size == 1) return {0, T(1)};
    if (samples.assignment == Assignment::nearest) {
        return {nearest_head(u, v, size), T(1)};
    }
    const HeadPosition<T> at = locate_among_heads(u, v, size);
    if (samples.assignment == Assignment::stochastic) {
        const uint64_t counter =
            2 * (static_cast<uint64_t>(samples.sample[k]) * kPlanes + static_cast<uint64_t>(plane));
        const int du = random_unit(samples.seed, counter) < at.u.fraction;
        const int dv = random_unit(samples.seed, counter + 1) < at.v.fraction;
        return {at.head(du, dv), T(1)};
    }
    return {at.head(corner >> 1, corner & 1), at.weight(corner >> 1, corner & 1)};
}

// Samples of one pass (an MLP plane and a corner) sorted by head; each sample goes through one head per pass.
template <class T>
struct Groups {
    Buffer<int64_t> start, order, heads;  // heads: those with samples
    Buffer<int> index;
    Buffer<T> weight;
    int64_t used = 0;  // heads with samples

    Groups(const ColorSamples<T>& samples, const MlpPlanes& planes, int size, int plane, int corner)
        : start(size * size + 1),
          order(samples.count),
          heads(size * size),
          index(samples.count),
          weight(samples.count) {
        for (int h = 0; h <= size * size; ++h) start[h] = 0;
        const int u = u_axis(planes.plane[plane]), v = v_axis(planes.plane[plane]);
        for (int64_t k = 0; k < samples.count; ++k) {
            const T* p = samples.points + 3 * samples.sample[k];
            const HeadChoice<T> choice = choose_head(samples, size, plane, corner, k, p[u], p[v]);
            index[k] = choice.index;
            weight[k] = choice.weight;
            ++start[choice.index + 1];
        }
        for (int h = 0; h < size * size; ++h) {
            if (start[h + 1] > 0) heads[used++] = h;
            start[h + 1] += start[h];
        }
        Buffer<int64_t> next(size * size);
        for (int h = 0; h < size * size; ++h) next[h] = start[h];
        for (int64_t k = 0; k < samples.count; ++k) order[next[index[k]]++] = k;
    }
};

// The number of samples that share a head's weights: as many as the registers have room for their sums.
template <class T>
constexpr int kBlock = larger(1, smaller(8, (kRegisters - 4) / SimdArray<T, kChannels>::kParts));

template <class T>
using Row = SimdArray<T, kChannels>;

template <class T>
using Block = T[kBlock<T>][kInner];

// sums[n] += in[n] . W, W [inputs][32]
template <class T>
MLPVID_FUNCTION void multiply(const T* W, int inputs, const Block<T>& in, Row<T>* sums) {
    for (int i = 0; i < inputs; ++i) {
        const auto weights = Row<T>::load(W + kChannels * i);
        MLPVID_UNROLL
        for (int n = 0; n < kBlock<T>; ++n) sums[n].add_scaled(weights, in[n][i]);
    }
}

// dW [inputs][32] += sum over n of in[n]^T gradients[n]
template <class T>
MLPVID_FUNCTION void add_outer(T* dW, int inputs, const Block<T>& in, const Row<T>* gradients) {
    for (int i = 0; i < inputs; ++i) {
        auto sum = Row<T>::load(dW + kChannels * i);
        MLPVID_UNROLL
        for (int n = 0; n < kBlock<T>; ++n) sum.add_scaled(gradients[n], in[n][i]);
        sum.store(dW + kChannels * i);
    }
}

template <class T>
MLPVID_FUNCTION void clear(Row<T>* rows) {
    MLPVID_UNROLL
    for (int n = 0; n < kBlock<T>; ++n) rows[n] = Row<T>::zero();
}

template <class T>
MLPVID_FUNCTION void store(const Row<T>* rows, Block<T>& out) {
    MLPVID_UNROLL
    for (int n = 0; n < kBlock<T>; ++n) rows[n].store(out[n]);
}

// out [32][32] += a [32][32] . b [32][32]
template <class T>
MLPVID_FUNCTION void add_product(const T* a, const T* b, T* out) {
    for (int i = 0; i < kChannels; ++i) {
        auto sum = Row<T>::load(out + kChannels * i);
        for (int j = 0; j < kChannels; ++j) sum.add_scaled(Row<T>::load(b + kChannels * j), a[kChannels * i + j]);
        sum.store(out + kChannels * i);
    }
}

template <class T>
void transpose(const T* in, T* out) {
    for (int i = 0; i < kChannels; ++i)
        for (int j = 0; j < kChannels; ++j) out[kChannels * j + i] = in[kChannels * i + j];
}

// A head's weights: the product of the first two layers, with the rows of F and then those of the view.
template <class T>
struct Head {
    const T *W0, *W1;
    int inner;
    alignas(64) T W[kInner * kChannels] = {};
    alignas(64) T W2[3][kChannels];  // [out][in]

    Head(const T* parameters, int view_channels)
        : W0(parameters), W1(parameters + kChannels * kChannels), inner(kChannels + view_channels) {
        add_product(W0, W1, W);
        for (int i = kChannels * kChannels; i < inner * kChannels; ++i) W[i] = W1[i];
        const T* last = W1 + inner * kChannels;
        for (int i = 0; i < kChannels; ++i)
            for (int c = 0; c < 3; ++c) W2[c][i] = last[3 * i + c];
    }
};

// Starts to load the rows [32] of the block of samples that begins at `at`.
template <class T>
MLPVID_FUNCTION void prefetch_rows(const T* rows, const int64_t* row_of, const Groups<T>& groups, int64_t at,
                                   int64_t end) {
    for (int64_t i = at; i < at + kBlock<T> && i < end; ++i) {
        const int64_t k = groups.order[i];
        const T* row = rows + kChannels * (row_of == nullptr ? k : row_of[k]);
        for (int part = 0; part < kChannels; part += 64 / static_cast<int>(sizeof(T))) prefetch_line(row + part);
    }
}

// A block of samples that share a head, with their inputs and hidden values. Rows beyond the samples repeat the first
// one with weight 0.
template <class T>
struct BlockState {
    alignas(64) Block<T> inputs, outer;  // F and view; h1
    int64_t k[kBlock<T>];
    T weight[kBlock<T>];

    void gather(const ColorSamples<T>& samples, const Groups<T>& groups, int64_t at, int64_t end, int view_channels) {
        for (int n = 0; n < kBlock<T>; ++n) {
            const bool real = at + n < end;
            k[n] = groups.order[real ? at + n : at];
            weight[n] = real ? groups.weight[k[n]] : T(0);
            Row<T>::load(samples.features + kChannels * samples.sample[k[n]]).store(inputs[n]);
            const T* view = samples.view + view_channels * samples.ray[k[n]];
            for (int i = 0; i < view_channels; ++i) inputs[n][kChannels + i] = view[i];
        }
    }
    void forward(const Head<T>& head) {
        Row<T> sums[kBlock<T>];
        clear<T>(sums);
        multiply<T>(head.W, head.inner, inputs, sums);
        MLPVID_UNROLL
        for (int n = 0; n < kBlock<T>; ++n) sums[n].rectified().store(outer[n]);
    }
};

template <class T>
void color_head_forward(const ColorSamples<T>& samples, const Groups<T>& groups, const Head<T>& head, int64_t index,
                        int view_channels, T* sums) {
    BlockState<T> state;
    const int64_t end = groups.start[index + 1];
    for (int64_t at = groups.start[index]; at < end; at += kBlock<T>) {
        prefetch_rows(samples.features, samples.sample, groups, at + kBlock<T>, end);
        state.gather(samples, groups, at, end, view_channels);
        state.forward(head);
        for (int n = 0; n < kBlock<T> && at + n < end; ++n)
            for (int c = 0; c < 3; ++c)
                sums[3 * state.k[n] + c] +=
                    state.weight[n] * dot(Row<T>::load(state.outer[n]), Row<T>::load(head.W2[c]));
    }
}

// Calls body(plane, groups) once per pass, in a fixed order.
template <class T, class Body>
void each_pass(const ColorSamples<T>& samples, const MlpPlanes& planes, int size, Body&& body) {
    for (int plane = 0; plane < planes.count; ++plane)
        for (int corner = 0; corner < corners(samples.assignment, size); ++corner)
            body(plane, Groups<T>(samples, planes, size, plane, corner));
}

// Computes rgb [K][3], the sigmoid of the sum of the heads' outputs over the planes.
template <class T>
void color_forward(ThreadPool& pool, const ColorMaps<const T>& maps, const ColorSamples<T>& samples, T* rgb) {
    for (int64_t i = 0; i < 3 * samples.count; ++i) rgb[i] = 0;
    each_pass(samples, maps.planes, maps.size, [&](int plane, const Groups<T>& groups) {
        parallel(pool, groups.used, [&](int64_t task, int) {
            const int64_t index = groups.heads[task];
            const Head<T> head(head_at(maps, plane, index), maps.view_channels);
            color_head_forward(samples, groups, head, index, maps.view_channels, rgb);
        });
    });
    parallel(pool, (samples.count + 1023) / 1024, [&](int64_t task, int) {
        for (int64_t i = 3072 * task; i < 3 * samples.count && i < 3072 * (task + 1); ++i)
            rgb[i] = 1 / (1 + std::exp(-rgb[i]));
    });
}

// The gradient of a head's weights, summed over its samples and laid out as in `Head`.
template <class T>
struct HeadGradient {
    alignas(64) T W[kInner * kChannels] = {}, W2[3][kChannels] = {};

    // Propagates the gradient from W to its factors: dW0 = dW W1^T and dW1 = W0^T dW. The view's rows are copied.
    void add_to(const Head<T>& head, T* parameters) const {
        alignas(64) T W0t[kChannels * kChannels], W1t[kChannels * kChannels];
        transpose(head.W0, W0t);
        transpose(head.W1, W1t);
        add_product(W, W1t, parameters);
        parameters += kChannels * kChannels;
        add_product(W0t, W, parameters);
        for (int i = kChannels * kChannels; i < head.inner * kChannels; ++i) parameters[i] += W[i];
        parameters += head.inner * kChannels;
        for (int i = 0; i < kChannels; ++i)
            for (int c = 0; c < 3; ++c) parameters[3 * i + c] += W2[c][i];
    }
};

// Passes the gradient of the outputs (rgb_gradients [K][3]) on to a block's hidden rows, and adds to that of W2.
template <class T>
MLPVID_FUNCTION void outputs_backward(const BlockState<T>& state, const Head<T>& head, const T* rgb_gradients,
                                      T (*W2)[kChannels], Row<T>* rows) {
    Row<T> dW2[3] = {Row<T>::load(W2[0]), Row<T>::load(W2[1]), Row<T>::load(W2[2])};
    for (int n = 0; n < kBlock<T>; ++n) {
        const auto hidden = Row<T>::load(state.outer[n]);
        auto sum = Row<T>::zero();
        for (int c = 0; c < 3; ++c) {
            const T g = state.weight[n] * rgb_gradients[3 * state.k[n] + c];
            dW2[c].add_scaled(hidden, g);
            sum.add_scaled(Row<T>::load(head.W2[c]), g);
        }
        rows[n] = sum.where_positive(hidden);
    }
    for (int c = 0; c < 3; ++c) dW2[c].store(W2[c]);
}

// Without kHeads, the head is fixed and `gradient` is not used.
template <class T, bool kHeads>
void color_head_backward(const ColorSamples<T>& samples, const Groups<T>& groups, const Head<T>& head, int64_t index,
                         int view_channels, const T* rgb_gradients, HeadGradient<T>* gradient, T* feature_gradients) {
    alignas(64) T unused[3][kChannels] = {};
    alignas(64) T Wt[kChannels * kChannels];
    transpose(head.W, Wt);
    BlockState<T> state;
    alignas(64) Block<T> hidden;
    Row<T> rows[kBlock<T>];
    const int64_t end = groups.start[index + 1];
    for (int64_t at = groups.start[index]; at < end; at += kBlock<T>) {
        prefetch_rows(samples.features, samples.sample, groups, at + kBlock<T>, end);
        prefetch_rows<T>(feature_gradients, nullptr, groups, at, end);
        state.gather(samples, groups, at, end, view_channels);
        state.forward(head);
        outputs_backward(state, head, rgb_gradients, kHeads ? gradient->W2 : unused, rows);
        if (kHeads) add_outer<T>(gradient->W, head.inner, state.inputs, rows);
        store<T>(rows, hidden);
        clear<T>(rows);
        multiply<T>(Wt, kChannels, hidden, rows);
        for (int n = 0; n < kBlock<T> && at + n < end; ++n) {
            T* out = feature_gradients + kChannels * state.k[n];
            (Row<T>::load(out) + rows[n]).store(out);
        }
    }
}

// Adds to the heads' gradient, unless it has no data, and writes that of the features, [K][32].
template <class T>
void color_backward(ThreadPool& pool, const ColorMaps<const T>& maps, const ColorSamples<T>& samples,
                    const T* rgb_gradients, const ColorMaps<T>& map_gradients, T* feature_gradients) {
    for (int64_t i = 0; i < kChannels * samples.count; ++i) feature_gradients[i] = 0;
    each_pass(samples, maps.planes, maps.size, [&](int plane, const Groups<T>& groups) {
        parallel(pool, groups.used, [&](int64_t task, int) {
            const int64_t index = groups.heads[task];
            const Head<T> head(head_at(maps, plane, index), maps.view_channels);
            if (map_gradients.data == nullptr) {
                color_head_backward<T, false>(samples, groups, head, index, maps.view_channels, rgb_gradients, nullptr,
                                              feature_gradients);
                return;
            }
            HeadGradient<T> gradient;
            color_head_backward<T, true>(samples, groups, head, index, maps.view_channels, rgb_gradients, &gradient,
                                         feature_gradients);
            gradient.add_to(head, head_at(map_gradients, plane, index));
        });
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
