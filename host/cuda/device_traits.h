// What the planner knows of a CUDA device.
#pragma once

#include "host/plan/device_traits.h"

namespace tendon::cuda {

// Those of the CPU, so that sums have the same order on both.
inline constexpr plan::DeviceTraits kTraits = {
    .resident_row_elements = 16384,
    .resident_row_elements_f64 = 4096,
    .column_row_bytes = 16 << 10,
    .column_reductions = 4,
    .chunk_elements = 16384,
    .max_chunks = 64,
    .max_partials = 256,
    .chunk_multiple = 1024,
    .min_lines = 64,
    .row_chunk_elements = 4096,
    .max_row_chunks = 256,
    .cache_bytes = 16 << 20,
    .cached_column_bytes = 3 << 19,
    .column_traffic_ratio = 22,
    .recompute_budget = 8,
    .max_body = 256,
};

}  // namespace tendon::cuda
