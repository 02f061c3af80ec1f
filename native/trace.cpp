#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_trace_rays(nb::module_&);

void bind_trace(nb::module_& m) { bind_trace_rays(m); }
