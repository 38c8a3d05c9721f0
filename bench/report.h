// Writes the file of --json: one object a line, with a row's figures, the machine, the compiler,
// the commit and the date.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tendon::bench {

class Report {
 public:
  enum class Opening { anew, append };

  // std::runtime_error that names the file where it cannot be opened; likewise write(). Without a
  // file nothing is written.
  Report(std::string file, Opening opening);

  // Adds the machine, the compiler, the commit and the date, and writes the line through.
  void write(nlohmann::json line);

 private:
  [[noreturn]] void fail() const;

  std::string file_;
  std::ofstream stream_;
};

// "g++ 12.2.0 -O3 -march=x86-64-v3 ...": how the loops by hand are compiled.
std::string by_hand_build();

}  // namespace tendon::bench
