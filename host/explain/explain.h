// Why a source is connected to a target, or why not: the cause, the words, and the way.
#pragma once

#include <tendon/gradient.h>

#include <span>

#include "host/explain/graph.h"

namespace tendon::explain {

Explanation explain(const Graph& graph, std::span<const Subject> targets, const Subject& source);

}  // namespace tendon::explain
