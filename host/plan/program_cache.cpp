#include "host/plan/program_cache.h"

#include "host/plan/tape_key.h"
#include "host/support/recent_cache.h"

namespace tendon::plan {
namespace {

struct Entry {
  const Backend* backend;
  std::shared_ptr<const Program> program;
};

support::RecentCache<Entry>& cache() {
  // Never destroyed: a static's destructor may compute. As many ops as some hundred MB hold.
  static auto* instance = new support::RecentCache<Entry>(256, 1'000'000);
  return *instance;
}

}  // namespace

std::shared_ptr<const Program> program_for(Backend& backend, const Tape& tape) {
  const std::uint64_t hash =
      structure_hash(tape) ^ static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&backend));
  const std::shared_ptr<const Entry> found = cache().find(hash);
  if (found && found->backend == &backend && same_structure(found->program->plan().tape, tape)) {
    backend.count_plan_found();
    return found->program;
  }
  std::shared_ptr<const Program> program = backend.prepare(make_plan(tape, backend.traits()));
  backend.count_plan_built();
  cache().insert(hash, std::make_shared<Entry>(Entry{&backend, program}), tape.size());
  return program;
}

}  // namespace tendon::plan
