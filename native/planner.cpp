#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_planner(nb::module_&) {}
