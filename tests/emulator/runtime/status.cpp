#include "runtime/status.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "machine/report.h"

namespace emulator {
namespace {

std::string path_of(const std::string& name) {
  const char* const folder = std::getenv("TENDON_EMULATOR_STATUS");
  return folder != nullptr && *folder != '\0' ? std::string(folder) + "/" + name : "";
}
std::string found() { return "found." + std::to_string(getpid()); }

void make(const std::string& name) {
  const std::string path = path_of(name);
  if (path.empty()) return;
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
}

__attribute__((constructor)) void note_loaded() {
  make("loaded");
  reports().when_found(note_found);
}

}  // namespace

void note_found() { make(found()); }

void forget_found() {
  if (const std::string path = path_of(found()); !path.empty()) unlink(path.c_str());
}

}  // namespace emulator
