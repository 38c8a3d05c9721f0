#include "host/record/warning.h"

#include <iostream>
#include <mutex>
#include <set>

#include "host/support/text.h"

namespace tendon {
namespace {

struct Warnings {
  std::mutex mutex;
  std::function<void(std::string_view)> handler;
  std::set<std::string> given;  // by place and text: one call may warn of several variables
};
Warnings& warnings() {
  static auto* instance = new Warnings;
  return *instance;
}

}  // namespace

void set_warning_handler(std::function<void(std::string_view)> handler) {
  const std::scoped_lock lock(warnings().mutex);
  warnings().handler = std::move(handler);
}

void record::warn_once(Place place, const std::string& text) {
  std::function<void(std::string_view)> handler;
  {
    const std::scoped_lock lock(warnings().mutex);
    if (!warnings()
             .given.insert(fmt::format("{}:{} {}", place.file_name(), place.line(), text))
             .second)
      return;
    handler = warnings().handler;
  }
  if (handler) return handler(text);
  std::cerr << "tendon: warning: " << text << '\n';
}

}  // namespace tendon
