#include "runtime/counters_json.h"

#include <nlohmann/json.hpp>

#include "machine/suppressions.h"

namespace emulator {
namespace {

using Json = nlohmann::ordered_json;

Json json(const Dim3& size) { return {size.x, size.y, size.z}; }

Json json(const Traffic& traffic) {
  return {{"requests", traffic.requests},
          {"bytes", traffic.bytes},
          {"sectors", traffic.sectors},
          {"excess", traffic.excess},
          {"first_touch", traffic.first_touch}};
}

Json json(const Counters& counters) {
  Json classes = Json::object();
  for (std::size_t i = 0; i < counters.instructions.size(); ++i)
    classes[name(static_cast<InstructionClass>(i))] = counters.instructions[i];
  return {{"thread_instructions", counters.thread_instructions()},
          {"instructions", std::move(classes)},
          {"warp_instructions", counters.warp_instructions},
          {"branches", counters.branches},
          {"divergent_branches", counters.divergent_branches},
          {"global_load", json(counters.global_load)},
          {"global_store", json(counters.global_store)},
          {"local_bytes", counters.local_bytes},
          {"shared_requests", counters.shared_requests},
          {"shared_conflicts", counters.shared_conflicts},
          {"atomics", counters.atomics}};
}

Json json(const LaunchRecord& launch) {
  return {{"kernel", launch.kernel},         {"grid", json(launch.grid)},
          {"block", json(launch.block)},     {"shared_bytes", launch.shared_bytes},
          {"from_graph", launch.from_graph}, {"counters", json(launch.counters)}};
}

Json json(const CallCounters& calls) {
  return {{"launches", calls.launches},
          {"graph_launches", calls.graph_launches},
          {"graph_kernels", calls.graph_kernels},
          {"library_calls", calls.library_calls},
          {"allocations", calls.allocations},
          {"frees", calls.frees},
          {"allocated_bytes", calls.allocated_bytes},
          {"copies_to_device", calls.copies_to_device},
          {"bytes_to_device", calls.bytes_to_device},
          {"copies_to_host", calls.copies_to_host},
          {"bytes_to_host", calls.bytes_to_host},
          {"copies_on_device", calls.copies_on_device},
          {"bytes_on_device", calls.bytes_on_device},
          {"memsets", calls.memsets},
          {"memset_bytes", calls.memset_bytes},
          {"synchronizations", calls.synchronizations},
          {"modules", calls.modules}};
}

Json json(const Report::Place& place) { return {{"file", place.file}, {"line", place.line}}; }

Json json(const Report& report);
Json json(const Suppression& suppression);

template <class Value>
Json list(const std::vector<Value>& values) {
  Json all = Json::array();
  for (const Value& value : values) all.push_back(json(value));
  return all;
}

Json json(const Report& report) {
  return {{"fault", name(report.fault)},   {"key", key(report.fault)},
          {"text", report.text},           {"kernel", report.kernel},
          {"block", json(report.block)},   {"thread", json(report.thread)},
          {"ptx_line", report.ptx_line},   {"instruction", report.instruction},
          {"source", list(report.source)}, {"other_source", list(report.other_source)},
          {"accesses", report.accesses},   {"threads", report.threads},
          {"blocks", report.blocks}};
}

Json json(const Suppression& suppression) {
  return {{"line", suppression.line}, {"text", suppression.text}, {"count", suppression.count}};
}

}  // namespace

std::string counters_json(const Context& context, bool with_reports) {
  Json all = {{"calls", json(context.calls)},
              {"total", json(context.total)},
              {"launches", list(context.launches)}};
  if (with_reports) {
    all["reports"] = list(reports().all());
    all["suppressions"] = list(reports().suppressions());
  }
  // Text of the program's may be in any encoding.
  return all.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace emulator
