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
  double floor_flops = 0;
  bool f64 = false;
  std::function<std::string()> note = {};  // asked after the timing
};

// Contests are made one at a time, since each holds its buffers.
struct Row {
  std::string name;
  std::vector<std::function<Contest()>> sizes;
};

// Every row of the table, in its order. To add a workload: a file with its tape, one line here.
std::vector<Row> rows();

}  // namespace tendon::bench
