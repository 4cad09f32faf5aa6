// All kernels as one translation unit of plain C++.
#include "bake.cu"
#include "color_pass.cu"
#include "composite.cu"
#include "density_pass.cu"
#include "group_by_head.cu"
#include "registry.h"

EMULATED_KERNEL(bake_grids);
EMULATED_KERNEL(bake_planes);
EMULATED_KERNEL(bake_heads);
EMULATED_KERNEL(density_pass);
EMULATED_KERNEL(count_heads);
EMULATED_KERNEL(scan_heads);
EMULATED_KERNEL(scatter_heads);
EMULATED_KERNEL(color_pass_plain);
EMULATED_KERNEL(color_pass_matrix);
EMULATED_KERNEL(composite);
