// Which instruction set this machine has. Kernels in native/isa/ are compiled once per set into a namespace of
// that name (NIGHTPROOF_ISA); their front in native/ picks one with `isa()`.
#pragma once
#include <cstdlib>
#include <string_view>

namespace nightproof {

enum class Isa { baseline, v3, v4 };

// The best set that was compiled and that this processor runs. NIGHTPROOF_ISA=baseline|v3|v4 in the environment
// lowers it, for tests: a set the processor lacks is never chosen.
inline Isa isa() {
    static const Isa chosen = [] {
        Isa best = Isa::baseline;
#ifdef NIGHTPROOF_X86
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
            best = Isa::v3;
            if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512cd"))
                best = Isa::v4;
        }
#endif
        if (const char* asked = std::getenv("NIGHTPROOF_ISA")) {
            const std::string_view name(asked);
            if (name == "baseline") best = Isa::baseline;
            else if (name == "v3" && best == Isa::v4) best = Isa::v3;
        }
        return best;
    }();
    return chosen;
}

}  // namespace nightproof
