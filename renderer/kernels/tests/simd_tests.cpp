// Compares each SIMD function with plain arithmetic; compiled once per instruction set. Numbers are small integers, so
// that results are exact in any order and with any rounding.
#include <cstdio>

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
    float a[2 * kSimdWidth], b[kSimdWidth], c[kSimdWidth], out[11][kSimdWidth], total = 0;
    for (int i = 0; i < 2 * kSimdWidth; i++) a[i] = static_cast<float>(i * 7 % 23 - 9);
    for (int i = 0; i < kSimdWidth; i++)
        b[i] = static_cast<float>(5 - i), c[i] = static_cast<float>(3 * i), total += a[i];
    const SimdFloats x = load(a), y = load(b), z = load(c);
    store(out[0], x + y), store(out[1], x - y), store(out[2], x * y), store(out[3], fused(x, y, z));
    store(out[4], relu(x)), store(out[5], broadcast(4.0f));
    SimdFloats even, odd;
    separate(x, load(a + kSimdWidth), even, odd);
    store(out[6], even), store(out[7], odd);
    store(out[8], x / broadcast(4.0f)), store(out[9], larger(x, y)), store(out[10], smaller(x, y));
    for (int i = 0; i < kSimdWidth; i++) {
        check(out[0][i] == a[i] + b[i] && out[1][i] == a[i] - b[i] && out[2][i] == a[i] * b[i], "+ - *");
        check(out[3][i] == a[i] * b[i] + c[i], "fused");
        check(out[4][i] == larger(a[i], 0.0f) && out[5][i] == 4.0f, "relu and broadcast");
        check(out[6][i] == a[2 * i] && out[7][i] == a[2 * i + 1], "separate");
        check(out[8][i] == a[i] / 4.0f, "/");
        check(out[9][i] == larger(a[i], b[i]) && out[10][i] == smaller(a[i], b[i]), "larger and smaller");
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

void test_halves(Check& check) {
    uint16 halves[kSimdWidth];
    uint32 grid[16 * kSimdWidth + 4];
    int32 index[kSimdWidth];
    float loaded[kSimdWidth], low[4][kSimdWidth], high[4][kSimdWidth];
    for (int i = 0; i < kSimdWidth; i++) halves[i] = half_of(static_cast<float>(i - 3) * 0.375f), index[i] = i * 5 % 8;
    for (int i = 0; i < 16 * kSimdWidth + 4; i++)
        grid[i] = half_of(static_cast<float>(i - 9)) | static_cast<uint32>(half_of(static_cast<float>(-i))) << 16;
    store(loaded, load_halves(halves));
    const Corners<SimdWords> corners = load_corners(grid, index);
    const SimdWords words[4] = {corners.at00, corners.at01, corners.at10, corners.at11};
    for (int k = 0; k < 4; k++) store(low[k], low_halves(words[k])), store(high[k], high_halves(words[k]));
    for (int i = 0; i < kSimdWidth; i++) {
        check(loaded[i] * kLoadedHalfScale == float_of_half(halves[i]), "load_halves");
        for (int k = 0; k < 4; k++) {
            const uint32 word = grid[2 * index[i] + k];
            check(low[k][i] * kHalfScale == float_of_half(word & 0xFFFFu), "load_corners and low_halves");
            check(high[k][i] * kHalfScale == float_of_half(word >> 16), "load_corners and high_halves");
        }
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
    test_halves(check);
    test_array<float, 4>(check), test_array<float, 8>(check), test_array<float, 16>(check),
        test_array<float, kMax>(check);
    test_array<double, 4>(check), test_array<double, 16>(check), test_array<double, kMax>(check);
    return check.failures;
}

MLPVID_END
