// The builds that this module holds, and which of them the processor can run.
#include "kernel_table.h"

#if defined(_MSC_VER) && defined(MLPVID_X86_64)
#include <intrin.h>
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

#if defined(_MSC_VER)
Features detect() {
    int leaf1[4], leaf7[4];
    __cpuidex(leaf1, 1, 0);
    __cpuidex(leaf7, 7, 0);
    const auto bit = [](int word, int n) { return ((static_cast<unsigned>(word) >> n) & 1) != 0; };
    const bool saves = bit(leaf1[2], 27);  // the system saves extended registers
    const unsigned long long saved = saves ? _xgetbv(0) : 0;
    const bool v2 = bit(leaf1[2], 20) && bit(leaf1[2], 23);
    const bool v3 =
        v2 && (saved & 0x6) == 0x6 && bit(leaf1[2], 12) && bit(leaf1[2], 29) && bit(leaf7[1], 5) && bit(leaf7[1], 8);
    const bool wide =
        bit(leaf7[1], 16) && bit(leaf7[1], 17) && bit(leaf7[1], 28) && bit(leaf7[1], 30) && bit(leaf7[1], 31);
    return {v2, v3, v3 && wide && (saved & 0xE6) == 0xE6};
}
#else
Features detect() {
    __builtin_cpu_init();
    const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2");
#if defined(MLPVID_AVX512_EMULATION)
    const bool v4 = v3;
#else
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
#endif
    return {v2, v3, v4};
}
#endif

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
