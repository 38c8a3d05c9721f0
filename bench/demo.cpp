// The demo: fits muscle parameters to a walking motion by gradient descent, then shows what the
// tape answers where a gradient is missing.
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>
#include <tendon/tendon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads/gait.h"
#include "bench/workloads/muscle_fit.h"
#include "bench/workloads/muscle_model.h"

namespace {

using namespace tendon;
using namespace tendon::workloads;

struct Settings {
  std::size_t frames = 0;  // 0: as many as the data have
  std::size_t subjects = 1;
  std::string data;  // a directory; empty: the built-in motion
  std::string device;
  int steps = 400;
  std::uint64_t seed = 0;
};

constexpr std::size_t kDefaultFrames = 100;
constexpr std::size_t kMostFrames = 10'000'000, kMostSubjects = 100'000;
constexpr int kMostSteps = 10'000'000;

// nullopt where the words are more or less than an unsigned decimal number.
std::optional<std::uint64_t> parse_number(std::string_view words) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(words.begin(), words.end(), number);
  if (error != std::errc() || end != words.end()) return std::nullopt;
  return number;
}

// nullopt where the words are neither cuda nor cuda:N.
std::optional<int> cuda_index(std::string_view words) {
  constexpr std::string_view kName = "cuda";
  if (words == kName) return 0;
  if (!words.starts_with("cuda:")) return std::nullopt;
  const auto index = parse_number(words.substr(kName.size() + 1));
  if (!index || *index > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(*index);
}

// Checks of an option's value for CLI11: what is wrong with it, or nothing.
auto check_whole_number(std::uint64_t least, std::uint64_t most) {
  return [=](const std::string& words) {
    const auto number = parse_number(words);
    return number && *number >= least && *number <= most
               ? std::string()
               : fmt::format("'{}' is not a whole number from {} to {}", words, least, most);
  };
}

std::string check_device(const std::string& words) {
  return words == "cpu" || cuda_index(words)
             ? std::string()
             : fmt::format("'{}' is not cpu, cuda or cuda:N", words);
}

// One line that is rewritten on a terminal, about ten lines elsewhere. A loss that is not finite
// ends the fit.
class Progress {
 public:
  explicit Progress(int steps) : steps_(steps) {}

  bool is_due(int step) const {
    return step == steps_ || step % std::max(1, steps_ / reports_) == 0;
  }
  void report(int step, double loss) const {
    if (!terminal_) {
      fmt::print("  step {:4} of {}   loss {:.3e}\n", step, steps_, loss);
    } else {
      constexpr int kWidth = 40;
      const int filled = step * kWidth / steps_;
      fmt::print("\r  [{:#<{}}{:.<{}}] step {} of {}   loss {:.3e} ", "", filled, "",
                 kWidth - filled, step, steps_, loss);
      if (step == steps_ || !std::isfinite(loss)) fmt::print("\n");
    }
    std::fflush(stdout);
    if (!std::isfinite(loss)) {
      throw std::runtime_error(fmt::format(
          "the loss is not finite at step {}: are the data in their columns' units?", step));
    }
  }

 private:
  const int steps_;
  const bool terminal_ = isatty(STDOUT_FILENO) == 1;
  const int reports_ = terminal_ ? 100 : 10;
};

// One fitted quantity of every muscle against its reference.
class Comparison {
 public:
  Comparison(const Tensor& fitted, const Tensor& reference, double unit)
      : fitted_(fitted.to_vector<double>()),
        reference_(reference.to_vector<double>()),
        unit_(unit) {}

  double percent(std::size_t muscle) const {
    const double error = 100 * (fitted_[muscle] / reference_[muscle] - 1);
    return std::round(1000 * error) / 1000 + 0.0;  // + 0.0: -0 prints as 0
  }
  double worst() const {
    double largest = 0;
    for (std::size_t muscle = 0; muscle < fitted_.size(); ++muscle) {
      if (std::abs(percent(muscle)) > std::abs(largest)) largest = percent(muscle);
    }
    return largest;
  }
  std::string row(std::size_t muscle) const {
    return fmt::format("{:10.2f} {:9.2f} {:+9.3f}", unit_ * fitted_[muscle],
                       unit_ * reference_[muscle], percent(muscle));
  }

 private:
  std::vector<double> fitted_, reference_;
  double unit_;
};

void print_fit(const Gait& gait, std::size_t subjects, bool recorded,
               const MuscleParameters& fitted, const MuscleParameters& reference) {
  constexpr double kMillimetres = 1000;
  const Comparison force(fitted.max_isometric_force, reference.max_isometric_force, 1);
  const Comparison fiber(fitted.optimal_fiber_length, reference.optimal_fiber_length, kMillimetres);
  const Comparison slack(fitted.tendon_slack_length, reference.tendon_slack_length, kMillimetres);

  const std::size_t muscles = gait.muscles.size() / subjects;
  fmt::print("\n{:16}{:>30}  {:>30}  {:>30}\n", subjects == 1 ? "" : "subject 1",
             "max isometric force, N", "optimal fiber length, mm", "tendon slack length, mm");
  fmt::print("{:16}", "muscle");
  for (int quantity = 0; quantity < 3; ++quantity) {
    fmt::print("{:>10} {:>9} {:>9}{}", "fitted", "reference", "error, %",
               quantity < 2 ? "  " : "\n");
  }
  for (std::size_t muscle = 0; muscle < muscles; ++muscle) {
    fmt::print("{:16}{}  {}  {}\n", gait.muscles[muscle], force.row(muscle), fiber.row(muscle),
               slack.row(muscle));
  }
  fmt::print("{:16}{:+30.3f}  {:+30.3f}  {:+30.3f}\n",
             subjects == 1 ? "worst" : fmt::format("worst of {}", subjects), force.worst(),
             fiber.worst(), slack.worst());

  if (!recorded) {
    fmt::print(
        "\nThe motion was computed with the reference parameters and the model that is fitted, so\n"
        "a fit that has converged finds them again.\n");
    return;
  }
  fmt::print(
      "\nData like these determine the tendon slack length: the recorded force and length of\n"
      "the tendon fix it (worst error {:+.2f} %). They determine the maximum isometric force\n"
      "less well where a muscle used little of it. They do not determine the optimal fiber\n"
      "length of every muscle: it shows only in how tendon and muscle balance, and where the\n"
      "recorded muscle forces follow other curves than those fitted here, the fiber length\n"
      "makes up for the difference.\n",
      slack.worst());
  constexpr double kBiasedPercent = 5;
  std::vector<std::string> biased;
  for (std::size_t muscle = 0; muscle < muscles; ++muscle) {
    if (std::abs(fiber.percent(muscle)) > kBiasedPercent) biased.push_back(gait.muscles[muscle]);
  }
  if (!biased.empty()) {
    fmt::print("Optimal fiber length more than {:.0f} % off, {} of {} muscles: {}.\n",
               kBiasedPercent, biased.size(), muscles, fmt::join(biased, ", "));
  }
}

void fit_muscles(const Settings& settings) {
  const Device device = default_device();
  const bool recorded = !settings.data.empty();
  Gait gait = recorded ? read_gait(settings.data)
                       : synthetic_gait(settings.frames == 0 ? kDefaultFrames : settings.frames);
  if (recorded && settings.frames != 0) gait = resample(gait, settings.frames);
  gait = with_subjects(gait, settings.subjects);

  const MuscleMotion motion = workloads::motion(gait);
  const MuscleParameters reference = reference_parameters(gait);
  fmt::print("1. Fitting muscle parameters to a walking motion\n\n");
  fmt::print("  device      {}\n", fmt::streamed(device));
  fmt::print("  motion      {}\n", gait.origin);
  fmt::print("  size        {} muscles x {} frames x {} subject{}\n",
             gait.muscles.size() / settings.subjects, gait.frame_count, settings.subjects,
             settings.subjects == 1 ? "" : "s");
  fmt::print(
      "  parameters  {}: maximum isometric force, optimal fiber length and tendon slack length\n"
      "              of each muscle, starting up to {:.0f}, {:.0f} and {:.0f} % off (seed {})\n\n",
      3 * gait.muscles.size(), 100 * kForceSpread, 100 * kFiberSpread, 100 * kTendonSpread,
      settings.seed);

  const auto start = std::chrono::steady_clock::now();
  const Progress progress(settings.steps);
  const MuscleParameters fitted = fit_parameters(disturbed(reference, settings.seed), motion,
                                                 settings.steps, [&](int step, const Tensor& loss) {
                                                   if (progress.is_due(step))
                                                     progress.report(step, loss.item<double>());
                                                 });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  print_fit(gait, settings.subjects, recorded, fitted, reference);
  fmt::print("\n{} steps took {:.2f} s, {:.2f} ms a step.\n", settings.steps, elapsed.count(),
             1000 * elapsed.count() / settings.steps);
}

// One muscle of the built-in motion whose tendon slack length, a scalar, is not known.
struct Muscle {
  Muscle(const Gait& gait, double slack_factor, bool trainable = true)
      : motion(workloads::motion(gait)),
        known(reference_parameters(gait)),
        tendon_slack(Tensor::from<double>({gait.tendon_slack_length[0] * slack_factor}, Shape{}),
                     gait.muscles[0] + ".tendon_slack", trainable) {}

  // How badly a tendon slack length explains the motion.
  Tensor misfit(const Tensor& slack) const {
    return fit_loss({known.max_isometric_force, known.optimal_fiber_length, slack}, motion);
  }

  // The same without logarithms: the mean square of what tendon and muscle force differ by.
  Tensor residual(const Tensor& slack) const {
    const auto [tendon, muscle] =
        equilibrium({known.max_isometric_force, known.optimal_fiber_length, slack}, motion);
    return reduce_mean(squared_difference(tendon, muscle));
  }

  MuscleMotion motion;
  MuscleParameters known;
  Variable tendon_slack;
};

void explain_missing_gradients() {
  constexpr double kTooLong = 1.02, kFeetForMetres = 3.28;
  const Gait gait = synthetic_gait(kDefaultFrames);
  const Muscle soleus(one_muscle(gait, "soleus_r"), kTooLong);
  const Muscle gastroc(one_muscle(gait, "gastroc_r"), kTooLong);
  const Muscle vasti(one_muscle(gait, "vasti_r"), kTooLong);
  const Muscle hamstrings(one_muscle(gait, "hamstrings_r"), kTooLong);
  const Muscle bifemsh(one_muscle(gait, "bifemsh_r"), kTooLong);
  const Muscle glut_max(one_muscle(gait, "glut_max_r"), kTooLong);
  const Muscle iliopsoas(one_muscle(gait, "iliopsoas_r"), kTooLong, false);
  const Muscle rect_fem(one_muscle(gait, "rect_fem_r"), kTooLong);
  const Muscle tib_ant(one_muscle(gait, "tib_ant_r"), kFeetForMetres);
  const Variable small(Tensor::from<double>({1e-10}, Shape{}), "small");

  GradientTape tape;
  // Three that are simply connected.
  Tensor loss = soleus.misfit(soleus.tendon_slack) + gastroc.misfit(gastroc.tendon_slack) +
                vasti.misfit(vasti.tendon_slack);

  // Held fixed.
  loss += hamstrings.misfit(stop_gradient(hamstrings.tendon_slack));

  // Counts only if it is bad enough, which it is not.
  const Tensor misfit = bifemsh.misfit(bifemsh.tendon_slack);
  if (misfit.item<double>() > 10) loss += misfit;

  // Computed, and forgotten.
  const Tensor forgotten = glut_max.misfit(glut_max.tendon_slack);

  // Not trainable, so it is not watched by being read; and watch() comes too late.
  loss += iliopsoas.misfit(iliopsoas.tendon_slack);
  tape.watch(iliopsoas.tendon_slack);

  // Leaves for the host and comes back as a number without a past.
  const Tensor slack = rect_fem.tendon_slack;
  loss += rect_fem.misfit(Tensor::from(slack.to_vector<double>(), Shape{}));

  // Given in feet where metres are meant: the tendon is so slack that its length hardly matters.
  loss += tib_ant.residual(tib_ant.tendon_slack);

  // A small value: the derivative of log(1e10 x + 1e-5) at x = 1e-10.
  loss += log(small * 1e10 + 1e-5);

  const Gradients gradients = tape.gradient(
      loss, {soleus.tendon_slack, gastroc.tendon_slack, vasti.tendon_slack, hamstrings.tendon_slack,
             bifemsh.tendon_slack, glut_max.tendon_slack, iliopsoas.tendon_slack,
             rect_fem.tendon_slack, tib_ant.tendon_slack, small});

  fmt::print(
      "\n2. Why is my gradient None?\n\n"
      "The same model (built-in motion), one variable for each tendon, one loss. Five\n"
      "gradients are None, each after a line that is easily written and hard to find. The\n"
      "tape kept a log of them:\n\n"
      "{}\n"
      "How to read it: None says that no recorded chain of differentiable ops leads from the\n"
      "source to the loss; the last column says why, and at which line. A number is a gradient,\n"
      "however small (tib_ant_r.tendon_slack) or large (small, whose value is 1e-10).\n",
      fmt::streamed(gradients));
}

void select_device(const std::string& words) {
  if (words == "cpu") set_default_device(Device::cpu());
  if (const auto index = cuda_index(words)) set_default_device(Device::cuda(*index));
}

int demo(int argument_count, char** arguments) {
  Settings settings;
  CLI::App app(
      "Fits the parameters of muscles and tendons to a walking motion with a gradient tape, then\n"
      "shows what the tape answers where a gradient is None.",
      "tendon-demo");
  app.get_formatter()->column_width(20);
  app.add_option("--frames", settings.frames,
                 "Frames of the motion. Built in: 100, and any other number samples the stride\n"
                 "anew. With --data: as recorded, and any other number interpolates linearly\n"
                 "between the recorded frames.")
      ->check(check_whole_number(1, kMostFrames))
      ->type_name("N");
  app.add_option("--subjects", settings.subjects,
                 "Subjects, 1 if not given, each with parameters of its own to fit. The further\n"
                 "ones are copies, lengths scaled by up to 10 % and forces by up to 30 %.")
      ->check(check_whole_number(1, kMostSubjects))
      ->type_name("N");
  app.add_option("--data", settings.data,
                 "Directory of a recorded motion, muscles.csv and motion.csv, in place of the\n"
                 "built-in one.")
      ->type_name("DIR");
  app.add_option("--device", settings.device,
                 "cpu, cuda or cuda:N. If not given: TENDON_DEVICE, or the best there is.")
      ->check(check_device)
      ->type_name("DEVICE");
  app.add_option("--steps", settings.steps, "Steps of the optimizer, 400 if not given.")
      ->check(check_whole_number(1, kMostSteps))
      ->type_name("N");
  app.add_option("--seed", settings.seed,
                 "Picks the values that the fit starts from, 0 if not given.")
      ->check(check_whole_number(0, std::numeric_limits<std::uint64_t>::max()))
      ->type_name("N");
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& error) {
    constexpr int kWrongCall = 2;
    return app.exit(error) == 0 ? 0 : kWrongCall;
  }

  select_device(settings.device);
  fit_muscles(settings);
  explain_missing_gradients();
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return demo(argument_count, arguments);
  } catch (const std::bad_alloc&) {
    std::fputs("tendon-demo: so many frames and subjects do not fit into memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tendon-demo: %s\n", error.what());
  }
  return 1;
}
