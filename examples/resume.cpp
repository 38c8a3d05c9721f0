// A training loop that may be killed at any time and goes on where its last checkpoint stands, in a
// new process, with the same bits as if nothing had happened.
//
//   resume FOLDER STEPS [KILLED_AFTER]
//
// Trains a small network with dropout for STEPS steps, writes a line a step to FOLDER/log, and
// every tenth step FOLDER/checkpoint.safetensors. If that is there, it goes on from it.
// KILLED_AFTER: the step after which the process kills itself, as a cluster's scheduler would.
#include <tendon/tendon.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

using namespace tendon;

namespace {

constexpr std::int64_t kExamples = 256, kBatch = 32, kInputs = 16, kHidden = 64;
constexpr double kKept = 0.9;  // of the hidden units
constexpr int kCheckpointEvery = 10;

// What a step changes. All of it goes into a checkpoint.
struct Training {
  Variable w1{random::normal({1, 0}, {kInputs, kHidden}) * 0.2, "hidden/weights"};
  Variable b1{zeros({kHidden}), "hidden/bias"};
  Variable w2{random::normal({1, 1}, {kHidden, 1}) * 0.2, "output/weights"};
  Variable b2{zeros({1}), "output/bias"};
  optim::Adam adam{{.learning_rate = 0.01}};
  int step = 0;

  std::vector<Variable> variables() const { return {w1, b1, w2, b2}; }

  void save_to(const std::filesystem::path& path) const {
    std::vector<NamedTensor> state = adam.state();
    for (const Variable& variable : variables()) state.push_back({variable.name(), variable});
    state.push_back(random::state());
    save(path, state, {{"step", std::to_string(step)}});
  }
  void load_from(const std::filesystem::path& path) {
    const std::vector<NamedTensor> state = load(path);
    for (const NamedTensor& tensor : state) {
      if (tensor.name == "random") random::load(tensor);
      for (Variable variable : variables()) {
        if (tensor.name == variable.name()) variable.assign(tensor.value);
      }
    }
    adam.load(state);
    step = std::stoi(load_metadata(path).at("step"));
  }
};

float train_a_step(Training& training, const Tensor& x, const Tensor& y) {
  const std::int64_t first = kBatch * training.step % kExamples;
  const Tensor inputs = slice(x, {first, 0}, {kBatch, kInputs});
  const Tensor wanted = slice(y, {first, 0}, {kBatch, 1});
  const Tensor mask = random::bernoulli({kBatch, kHidden}, kKept).cast(DType::f32) / kKept;
  GradientTape tape;
  const Tensor hidden = tanh(matmul(inputs, training.w1) + training.b1) * mask;
  const Tensor loss = reduce_mean(square(matmul(hidden, training.w2) + training.b2 - wanted));
  const Gradients gradients = tape.gradient(loss, training.variables());
  training.adam.apply(clip_by_global_norm(gradients, 1.0), training.variables());
  ++training.step;
  return loss.item<float>();
}

// The log as far as the checkpoint knows it: what came after is computed again. The old log stays
// whole until the new one has its name.
std::ofstream continue_log(const std::filesystem::path& path, int step) {
  const std::filesystem::path kept = path.string() + ".kept";
  {
    std::ifstream before(path);
    std::ofstream after(kept);
    std::string line;
    for (int i = 0; i < step && std::getline(before, line); ++i) after << line << '\n';
  }
  std::filesystem::rename(kept, path);
  return std::ofstream(path, std::ios::app);
}

void train(const std::filesystem::path& folder, int steps, int killed_after) {
  const Tensor x = random::normal({2, 0}, {kExamples, kInputs});
  const Tensor y = sin(reduce_sum(x, 1, true));
  run({x, y});
  const std::filesystem::path checkpoint = folder / "checkpoint.safetensors";
  Training training;
  random::seed(3);
  if (std::filesystem::exists(checkpoint)) training.load_from(checkpoint);
  std::cout << "begins after step " << training.step << '\n';
  std::ofstream log = continue_log(folder / "log", training.step);
  while (training.step < steps) {
    const float loss = train_a_step(training, x, y);
    log << "step " << training.step << " loss " << std::hexfloat << loss << std::endl;
    if (training.step == killed_after) std::raise(SIGKILL);
    if (training.step % kCheckpointEvery == 0) training.save_to(checkpoint);
  }
  std::cout << "ends after step " << training.step << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: resume FOLDER STEPS [KILLED_AFTER]\n";
    return 2;
  }
  try {
    std::filesystem::create_directories(argv[1]);
    train(argv[1], std::atoi(argv[2]), argc == 4 ? std::atoi(argv[3]) : -1);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
