// A line of the table before it is timed: who competes, and what the work costs at least.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tendon::bench {

struct Contest {
  std::string size;  // as the table names it
  std::function<void()> ours;
  std::function<void()> by_hand;  // empty: there is none
  std::function<void()> torch;    // likewise
  double operations = 1;          // of one run; the table gives the time of one
  // What one run must move and compute at least; 0: no floor is given.
  double floor_bytes = 0;
  double working_set_bytes = 0;  // where they lie; 0: each is moved once
  double floor_flops = 0;
  bool f64 = false;
  std::int64_t elements = 0;  // of the largest array; 0: none is meant
  // Ops of the tapes that one run records or launches; the host's time for one is told where they
  // run on a device. 0: it is not.
  double host_operations = 0;
  bool is_on_stream = false;               // it runs on CudaDevice's stream, else on tendon's own
  std::function<std::string()> note = {};  // asked after the timing
};

// Contests are made one at a time, since each holds its buffers.
struct Row {
  std::string name;
  std::vector<std::function<Contest()>> sizes;
};

enum class Sizes { full, small };  // small: where a device is emulated

// Every row of the table, in its order. To add a workload: a file with its tape, one line here.
std::vector<Row> rows(Sizes sizes);

}  // namespace tendon::bench
