// The builds that this module holds, and which of them the processor can run.
#include "kernel_table.h"

#if defined(MLPVID_X86_64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace mlpvid {

#if defined(MLPVID_X86_64)

namespace x86_64_v2 {
extern const KernelTable table;
}
namespace x86_64_v3 {
extern const KernelTable table;
}
namespace x86_64_v4 {
extern const KernelTable table;
}

namespace {

const KernelTable* const kTables[] = {&x86_64_v4::table, &x86_64_v3::table, &x86_64_v2::table, nullptr};

struct Features {
    bool v2, v3, v4;
};

struct Registers {
    unsigned eax, ebx, ecx, edx;
};

// Compilers' own tests of features differ in the names that they know.
Registers cpuid(unsigned leaf) {
    Registers r = {};
#if defined(_MSC_VER)
    __cpuidex(reinterpret_cast<int*>(&r), static_cast<int>(leaf), 0);
#else
    __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
    return r;
}

// Which registers the system saves when it switches threads; only where it says that it saves extended ones.
// macOS starts to save AVX-512's when a thread first uses them: there the AVX2 build runs.
unsigned saved_registers() {
#if defined(_MSC_VER)
    return static_cast<unsigned>(_xgetbv(0));
#else
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}

Features detect() {
    const Registers one = cpuid(1), seven = cpuid(7);
    const auto has = [](unsigned word, auto... bits) { return (((word >> bits) & 1) && ...); };
    const unsigned saved = has(one.ecx, 27) ? saved_registers() : 0;
    const bool v2 = has(one.ecx, 20, 23);                              // SSE4.2, POPCNT
    const bool v3 = v2 && has(saved, 1, 2) && has(one.ecx, 12, 29) &&  // FMA, F16C
                    has(seven.ebx, 3, 5, 8);                           // BMI1, AVX2, BMI2
#if defined(MLPVID_AVX512_EMULATION)
    const bool v4 = v3;
#else
    const bool v4 = v3 && has(saved, 5, 6, 7) && has(seven.ebx, 16, 17, 28, 30, 31);  // AVX-512 F, DQ, CD, BW, VL
#endif
    return {v2, v3, v4};
}

}  // namespace

bool supported(const KernelTable& table) {
    const Features features = detect();
    if (&table == &x86_64_v4::table) return features.v4;
    return &table == &x86_64_v3::table ? features.v3 : features.v2;
}

#else

namespace generic {
extern const KernelTable table;
}

namespace {
const KernelTable* const kTables[] = {&generic::table, nullptr};
}

bool supported(const KernelTable&) {
    return true;
}

#endif

const KernelTable* const* kernel_tables() {
    return kTables;
}

}  // namespace mlpvid
