// The tracer's part of the native module.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_trace_rays(nb::module_&);
void bind_trace_scene(nb::module_&);
void bind_trace_render(nb::module_&);

void bind_trace(nb::module_& m) {
    bind_trace_rays(m);
    bind_trace_scene(m);
    bind_trace_render(m);
}
