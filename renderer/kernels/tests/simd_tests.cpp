// Compares each SIMD function with plain arithmetic; compiled once per instruction set. Numbers are small integers, so
// that results are exact in any order and with any rounding.
#include <cstdio>

#include "mlpvid/fixed_point.h"
#include "mlpvid/simd.h"
#include "mlpvid_training/simd_array.h"

MLPVID_BEGIN

int test_simd();

namespace {

constexpr int kMax = 32;

struct Check {
    int failures = 0;

    void operator()(bool condition, const char* what) {
        if (condition) return;
        std::printf("FAILED: %s\n", what);
        failures++;
    }
};

void test_floats(Check& check) {
    float a[kSimdWidth], b[kSimdWidth], c[kSimdWidth], out[9][kSimdWidth], total = 0;
    for (int i = 0; i < kSimdWidth; i++) a[i] = static_cast<float>(i * 7 % 23 - 9);
    for (int i = 0; i < kSimdWidth; i++)
        b[i] = static_cast<float>(5 - i), c[i] = static_cast<float>(3 * i), total += a[i];
    const SimdFloats x = load(a), y = load(b), z = load(c);
    store(out[0], x + y), store(out[1], x - y), store(out[2], x * y), store(out[3], fused(x, y, z));
    store(out[4], relu(x)), store(out[5], broadcast(4.0f));
    store(out[6], x / broadcast(4.0f)), store(out[7], larger(x, y)), store(out[8], smaller(x, y));
    for (int i = 0; i < kSimdWidth; i++) {
        check(out[0][i] == a[i] + b[i] && out[1][i] == a[i] - b[i] && out[2][i] == a[i] * b[i], "+ - *");
        check(out[3][i] == a[i] * b[i] + c[i], "fused");
        check(out[4][i] == larger(a[i], 0.0f) && out[5][i] == 4.0f, "relu and broadcast");
        check(out[6][i] == a[i] / 4.0f, "/");
        check(out[7][i] == larger(a[i], b[i]) && out[8][i] == smaller(a[i], b[i]), "larger and smaller");
    }
    check(sum(x) == total, "sum");
}

void test_ints(Check& check) {
    int32 a[kSimdWidth], b[kSimdWidth], out[5][kSimdWidth];
    float floats[kSimdWidth], back[kSimdWidth];
    for (int i = 0; i < kSimdWidth; i++) a[i] = i * 3, b[i] = 20 - i, floats[i] = static_cast<float>(i) + 0.75f;
    const SimdInts x = load_ints(a), y = load_ints(b);
    store_ints(out[0], x + y), store_ints(out[1], x * y), store_ints(out[2], minimum(x, y));
    store_ints(out[3], truncate(load(floats))), store_ints(out[4], broadcast_int(-7));
    store(back, to_float(x));
    for (int i = 0; i < kSimdWidth; i++) {
        check(out[0][i] == a[i] + b[i] && out[1][i] == a[i] * b[i], "+ * of whole numbers");
        check(out[2][i] == smaller(a[i], b[i]) && out[3][i] == i, "minimum and truncate");
        check(back[i] == static_cast<float>(a[i]) && out[4][i] == -7, "to_float and broadcast_int");
    }
}

// Pairs of numbers from -32767 to 32767, and the largest ones.
void test_words(Check& check) {
    int32 a[kSimdWidth], b[kSimdWidth], out[6][2 * kSimdWidth];
    int32 low[kSimdWidth], high[kSimdWidth];
    for (int i = 0; i < kSimdWidth; i++) {
        low[i] = i == 0 ? -32767 : (i * 9973 % 65535) - 32767, high[i] = i == 1 ? 32767 : 32767 - (i * 7919 % 65535);
        a[i] = static_cast<int32>(word_of(low[i], high[i])), b[i] = static_cast<int32>(word_of(i - 5, 16384 - i));
    }
    const SimdInts x = load_ints(a), y = load_ints(b);
    store_ints(out[0], pack_words(load_ints(low), load_ints(high))), store_ints(out[1], multiply_add(x, y));
    store_ints(out[2], interleave_low(x, y)), store_ints(out[3], interleave_high(x, y)),
        store_ints(out[4], load_ints(low) - load_ints(high));
    store_alternating(out[5], x, y);
    for (int i = 0; i < kSimdWidth; i++) {
        check(out[0][i] == a[i], "pack_words");
        check(out[1][i] == low[i] * (i - 5) + high[i] * (16384 - i), "multiply_add");
        check(out[4][i] == low[i] - high[i], "- of whole numbers");
        check(out[5][2 * i] == a[i] && out[5][2 * i + 1] == b[i], "store_alternating");
        const int first = i / 4 * 4 + i % 4 / 2;  // the word whose numbers are interleaved
        for (int half = 0; half < 2; half++) {
            const uint32 u = static_cast<uint32>(a[first + 2 * half]), v = static_cast<uint32>(b[first + 2 * half]);
            const uint32 expected =
                i % 2 ? word_of(high_number(u), high_number(v)) : word_of(low_number(u), low_number(v));
            check(static_cast<uint32>(out[2 + half][i]) == expected, "interleave_low and interleave_high");
        }
    }
}

int32 product(uint32 values, int32 weights) {
    const uint32 w = static_cast<uint32>(weights);
    return low_number(values) * low_number(w) + high_number(values) * high_number(w);
}

void test_cells(Check& check) {
    uint32 cells[kSimdWidth / 4][2][8];
    int32 weights[2 * kSimdWidth], found[2][kSimdWidth];
    SimdQuad fours[kSimdWidth / 4], twos[kSimdWidth / 4];
    for (int i = 0; i < 2 * kSimdWidth; i++) weights[i] = static_cast<int32>(word_of(16384 - 31 * i, 31 * i));
    for (int q = 0; q < kSimdWidth / 4; q++) {
        for (int i = 0; i < 16; i++)
            cells[q][i / 8][i % 8] = word_of(q * 4001 + i * 1999 - 32767, 32767 - q * 3001 - i * 997);
        CellSums four, two;
        for (int times = 0; times < 2; times++) {
            add_cell(cells[q][0], weights + 2 * q, four);
            add_two_cells(cells[q][0], cells[q][1], weights + 4 * q, two);
        }
        fours[q] = four_channels(four), twos[q] = two_channels_each(two);
    }
    store_ints(found[0], join(fours)), store_ints(found[1], join(twos));
    for (int i = 0; i < kSimdWidth; i++) {
        const int q = i / 4, second = i % 4 / 2, c = i % 2;
        const uint32 *cell = cells[q][0], *other = cells[q][second];
        check(found[0][i] == 2 * (product(cell[i % 4], weights[2 * q]) + product(cell[4 + i % 4], weights[2 * q + 1])),
              "add_cell and four_channels");
        check(found[1][i] == 2 * (product(other[c], weights[4 * q + 2 * second]) +
                                  product(other[2 + c], weights[4 * q + 2 * second + 1])),
              "add_two_cells and two_channels_each");
    }
}

template <class T, int N>
void test_array(Check& check) {
    using Array = SimdArray<T, N>;
    T a[N], b[N], squares[N], out[11][N], total = 0;
    for (int i = 0; i < N; i++)
        a[i] = static_cast<T>(i * 5 % 17 - 6), b[i] = static_cast<T>(i - 4), squares[i] = b[i] * b[i],
        total += a[i] * b[i];
    const Array x = Array::load(a), y = Array::load(b);
    Array scaled = y, product = y;
    scaled.add_scaled(x, 3), product.add_product(x, y);
    (x + y).store(out[0]), (x * y).store(out[1]), (x * T(2)).store(out[2]);
    scaled.store(out[3]), product.store(out[4]), x.rectified().store(out[5]);
    y.where_positive(x).store(out[6]);
    (x - y).store(out[7]), (x * y / x).store(out[8]), (x + T(5)).store(out[9]);
    Array::load(squares).roots().store(out[10]);
    for (int i = 0; i < N; i++) {
        check(out[0][i] == a[i] + b[i] && out[1][i] == a[i] * b[i] && out[2][i] == 2 * a[i], "+ * of SimdArray");
        check(out[3][i] == b[i] + 3 * a[i] && out[4][i] == b[i] + a[i] * b[i], "add_scaled and add_product");
        check(out[5][i] == (a[i] < 0 ? 0 : a[i]), "rectified");
        check(out[6][i] == (a[i] > 0 ? b[i] : 0), "where_positive");
        check(out[7][i] == a[i] - b[i] && out[9][i] == a[i] + 5, "- of SimdArray and + of a number");
        check(a[i] == 0 || out[8][i] == b[i], "/ of SimdArray");
        check(out[10][i] == (b[i] < 0 ? -b[i] : b[i]), "roots");
    }
    check(dot(x, y) == total, "dot of SimdArray");
}

}  // namespace

int test_simd() {
    Check check;
    test_floats(check);
    test_ints(check);
    test_words(check);
    test_cells(check);
    test_array<float, 4>(check), test_array<float, 8>(check), test_array<float, 16>(check),
        test_array<float, kMax>(check);
    test_array<double, 4>(check), test_array<double, 16>(check), test_array<double, kMax>(check);
    return check.failures;
}

MLPVID_END
