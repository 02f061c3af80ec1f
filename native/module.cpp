// The native module: one binding function per kernel file, nothing else.
#include <nanobind/nanobind.h>

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "isa.h"

namespace nb = nanobind;

void bind_trace(nb::module_&);
void bind_bake(nb::module_&);
void bind_metrics(nb::module_&);
void bind_planner(nb::module_&);
void bind_guard(nb::module_&);
void bind_texture_loss(nb::module_&);
void bind_texture_pixels(nb::module_&);

NB_MODULE(_native, m) {
    m.doc() = "Hot kernels of nightproof; each has a NumPy twin in nightproof.kernels that defines what is right.";
    m.def("isa", [] {
        switch (nightproof::isa()) {
            case nightproof::Isa::v4: return "v4";
            case nightproof::Isa::v3: return "v3";
            default: return "baseline";
        }
    }, "The instruction set in use: baseline, v3 (AVX2) or v4 (AVX-512).");
    m.def("return_free_memory", [] {
#ifdef __GLIBC__
        nb::gil_scoped_release release;
        malloc_trim(0);
#endif
    }, "To the system, what the C library holds for later.");
    bind_trace(m);
    bind_bake(m);
    bind_metrics(m);
    bind_planner(m);
    bind_guard(m);
    bind_texture_loss(m);
    bind_texture_pixels(m);
}
