#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_bake(nb::module_&) {}
