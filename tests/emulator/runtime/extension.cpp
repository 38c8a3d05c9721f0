// What tests and libraries ask of the emulator beyond the runtime's interface.
#pragma GCC visibility push(default)
#include "extension.h"
#pragma GCC visibility pop

#include <algorithm>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/counters_json.h"
#include "runtime/execute.h"
#include "runtime/reset.h"

using namespace emulator;

namespace {

// What callers hold pointers to; replaced when they ask anew. Behind the lock.
std::string counters_text;
std::list<std::string> report_texts;  // a report that is found again has a new one

struct LibraryHook {
  void (*called)(const char* function, void* data) = nullptr;
  void* data = nullptr;
};
LibraryHook library_hook;

}  // namespace

int emulatorReportCount(void) { return static_cast<int>(reports().count()); }

const char* emulatorReportText(int index) {
  const std::lock_guard lock(context().mutex);
  const std::vector<Report> all = reports().all();
  const auto i = static_cast<std::size_t>(index);
  if (index < 0 || i >= all.size()) return "";
  const auto known = std::find(report_texts.begin(), report_texts.end(), all[i].text);
  return (known != report_texts.end() ? *known : report_texts.emplace_back(all[i].text)).c_str();
}

const char* emulatorReportFault(int index) {
  const std::vector<Report> all = reports().all();
  const auto i = static_cast<std::size_t>(index);
  return index >= 0 && i < all.size() ? name(all[i].fault) : "";
}

const char* emulatorCounters(void) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  counters_text = counters_json(state, false);
  return counters_text.c_str();
}

uint64_t emulatorHostTime(void) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  return static_cast<uint64_t>(state.host_time.count());
}

void emulatorReset(void) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  reset_findings(state);
  report_texts.clear();
}

int emulatorFailCall(const char* function, int n, int error) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  const bool is_set = function && n >= 0 &&
                      state.fail_points.set(function, static_cast<std::uint64_t>(n),
                                            static_cast<cudaError_t>(error));
  return is_set ? 0 : 1;
}

void emulatorSetSeed(uint64_t seed, int random_blocks) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  state.options.seed = seed;
  state.options.random_blocks = random_blocks != 0;
  state.random = Random(seed);
}

int emulatorEnqueue(void* stream, const char* name, void (*run)(void* data),
                    void (*release)(void* data), void* data) {
  // From here on, whatever happens, the data is released.
  const auto body = std::make_shared<LibraryCall::Body>();
  body->name = name ? name : "work of a library";
  body->run = run;
  body->release = release;
  body->data = data;
  return call(__func__, [&](Context& state) {
    require(run != nullptr);
    submit(state, stream_of(state, static_cast<cudaStream_t>(stream)), LibraryCall{body});
  });
}

const void* emulatorRead(const void* device, size_t bytes) {
  if (!thread_state().is_in_library) return nullptr;
  return touch(context(), reinterpret_cast<Address>(device), bytes, false);
}

void* emulatorWrite(void* device, size_t bytes) {
  if (!thread_state().is_in_library) return nullptr;
  return touch(context(), reinterpret_cast<Address>(device), bytes, true);
}

int emulatorCountCall(const char* function) {
  Context& state = context();
  LibraryHook hook;
  int error = 0;
  {
    const std::lock_guard lock(state.mutex);
    hook = library_hook;
    error = state.fail_points.count(function);
  }
  if (hook.called) hook.called(function, hook.data);
  return error;
}

void emulatorOnLibraryCall(void (*called)(const char* function, void* data), void* data) {
  const std::lock_guard lock(context().mutex);
  library_hook = {called, data};
}

int emulatorLoadModule(void) {
  return call(__func__, [](Context& state) {
    require_no_unsafe_capture(state);
    ++state.calls.modules;
  });
}

void emulatorRefuse(const char* what) {
  Context& state = context();
  std::unique_lock lock(state.mutex, std::defer_lock);
  if (!thread_state().is_in_library) lock.lock();
  state.findings.refuse(what);
}

int emulatorDeviceOf(const void* pointer) {
  Context& state = context();
  std::unique_lock lock(state.mutex, std::defer_lock);
  if (!thread_state().is_in_library) lock.lock();
  const auto address = reinterpret_cast<Address>(pointer);
  if (!state.memory.is_device_address(address)) return -1;
  const Allocation* allocation = state.memory.find(address);
  return allocation ? allocation->device : -1;
}
