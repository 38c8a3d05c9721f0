// Puts an executable graph onto a stream, as a piece of work for each node.
#pragma once

#include "runtime/graph_exec.h"
#include "runtime/streams.h"

namespace emulator {

void launch_graph(Context& context, GraphExec& exec, Stream& stream);

}  // namespace emulator
