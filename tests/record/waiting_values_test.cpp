// N steps of a loop that reads one of several pending values compute O(N) ops and make O(1) plans.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <tendon/tendon.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

namespace tendon {
namespace {

struct Work {
  std::int64_t plans = 0;
  std::int64_t ops = 0;
  std::int64_t bytes = 0;  // held in the end, beside what was held before
};

Work work_of(const std::function<void()>& run) {
  const Counters before = counters(default_device());
  run();
  const Counters after = counters(default_device());
  return {after.plans_built - before.plans_built, after.ops - before.ops,
          after.bytes_allocated - before.bytes_allocated};
}

constexpr int kMostPlans = 12;

// Each call of `loop` gets a new array size, so that it cannot find a plan of an earlier call.
void expect_linear(const std::function<void(int steps, std::int64_t size)>& loop,
                   int most_plans = kMostPlans) {
  static std::int64_t size = 5;
  constexpr std::array kSteps = {50, 100, 200, 400};
  std::array<Work, kSteps.size()> work;
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    ++size;
    work[i] = work_of([&] { loop(kSteps[i], size); });
    EXPECT_LE(work[i].plans, most_plans) << kSteps[i] << " steps";
  }
  for (std::size_t i = 1; i < kSteps.size(); ++i) {
    EXPECT_LE(static_cast<double>(work[i].ops), 2.1 * static_cast<double>(work[i - 1].ops) + 40)
        << kSteps[i] << " steps";
  }
}

double sum(const Tensor& tensor) { return reduce_sum(tensor).item<double>(); }

TEST(WaitingValues, OfASimulationWithAStop) {
  expect_linear([](int steps, std::int64_t) {
    Tensor x = full({}, 0, DType::f64), v = full({}, 1, DType::f64);
    for (int k = 0; k < steps; ++k) {
      x = x + 0.1 * v;
      v = 0.99 * v;
      if (x.item<double>() > 1e9) break;
    }
    EXPECT_NEAR(v.item<double>(), std::pow(0.99, steps), 1e-12);
  });
}

TEST(WaitingValues, OfASimulationOfArraysWithAStop) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = zeros({size}), v = ones({size});
    for (int k = 0; k < steps; ++k) {
      x = x + 0.1 * v;
      v = 0.99 * v;
      if (sum(x) > 1e9) break;
    }
    EXPECT_NEAR(v.to_vector<float>()[0], std::pow(0.99, steps), 1e-5);
  });
}

TEST(WaitingValues, OfASimulationOfFiveStatesWithAStop) {
  expect_linear([](int steps, std::int64_t size) {
    std::vector<Tensor> states(5, full({size}, 1e-3));
    for (int k = 0; k < steps; ++k) {
      for (std::size_t i = 0; i + 1 < states.size(); ++i)
        states[i] = states[i] + 0.01 * states[i + 1];
      states[4] = states[4] - 0.01 * states[0] - 0.1 * tanh(states[4]);
      if (states[0].to_vector<float>()[0] > 1e9F) break;
    }
  });
}

TEST(WaitingValues, OfASimulationWithAnEnergyThatReadsAllOfIt) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = full({size}, 0.5), v = zeros({size});
    for (int k = 0; k < steps; ++k) {
      const Tensor force = -sin(x);
      v = v + 0.01 * force;
      x = x + 0.01 * v;
      if (sum(square(v) - cos(x)) > 1e9) break;
    }
  });
}

TEST(WaitingValues, OfASimulationWhoseForceIsAGradient) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = full({size}, 0.5), v = zeros({size});
    for (int k = 0; k < steps; ++k) {
      GradientTape tape;
      tape.watch(x);
      const Tensor energy = reduce_sum(1.0 - cos(x));
      v = v - 0.01 * *tape.gradient(energy, x);
      x = x + 0.01 * v;
      if (energy.item<float>() > 1e9F) break;
    }
  });
}

TEST(WaitingValues, OfAStateThatOnlyGradientsPassOn) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor state = full({size}, 0.5);
    Tensor seen = zeros({size});
    for (int k = 0; k < steps; ++k) {
      GradientTape tape;
      tape.watch(state);
      const Tensor next = *tape.gradient(cos(state) + square(state), state);
      seen = seen * 0.5 + state;
      state = next * 0.1;
      seen.to_vector<float>();
    }
  });
}

TEST(WaitingValues, OfALoopThatPrintsOneOfTwoQuantities) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor a = full({size}, 0.5), b = full({size}, 0.25);
    for (int k = 0; k < steps; ++k) {
      const Tensor mean = (a + b) * 0.5;
      const Tensor geometric = sqrt(a * b);
      a = mean;
      b = geometric;
      if (k % 2 == 0) {
        a.to_vector<float>();
      } else {
        sum(b);
      }
    }
  });
}

TEST(WaitingValues, OfARunningSumThatNobodyReads) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = full({size}, 0.5);
    Tensor total = zeros({}), norms = zeros({size});
    for (int k = 0; k < steps; ++k) {
      x = x * 0.99;
      const Tensor loss = reduce_sum(square(x));
      total = total + loss;
      norms = norms + abs(x);
      loss.item<float>();
    }
    total.item<float>();
  });
}

TEST(WaitingValues, OfViewsOfAState) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = full({size, 1}, 0.5), y = ones({3, size});
    for (int k = 0; k < steps; ++k) {
      x = transpose(x, {1, 0});
      x = reshape(x * 0.99, {size, 1});
      y = y * 0.5 + broadcast_to(reshape(x, {1, size}), {3, size});
      if (k % 2 == 0) sum(y);
    }
  });
}

TEST(WaitingValues, OfNestedTapesInALoop) {
  expect_linear([](int steps, std::int64_t size) {
    Tensor x = full({size}, 0.5), speed = zeros({size});
    for (int k = 0; k < steps; ++k) {
      GradientTape outer;
      outer.watch(x);
      GradientTape inner;
      inner.watch(x);
      const Tensor energy = reduce_sum(sin(x) * x);
      const Tensor slope = *inner.gradient(energy, x);
      const Tensor curvature = *outer.gradient(slope, x);
      speed = speed * 0.9 + slope;
      x = x - 0.01 * speed / (1.0 + abs(curvature));
      energy.item<float>();
    }
  });
}

TEST(WaitingValues, OfPenaltiesOnGradientsInALoop) {
  expect_linear([](int steps, std::int64_t size) {
    Variable w(full({size}, 0.5), "w");
    Tensor penalties = zeros({});
    for (int k = 0; k < steps; ++k) {
      GradientTape outer;
      Tensor loss, penalty;
      {
        GradientTape inner({.persistent = true});
        loss = reduce_sum(tanh(w) * w);
        penalty = reduce_sum(square(*inner.gradient(loss, w)));
      }
      penalties = penalties + penalty;
      w.assign_sub(*outer.gradient(loss + penalty, w) * 0.01);
      if (k % 3 == 0) loss.item<float>();
    }
  });
}

TEST(WaitingValues, OfGradientsReadOneByOne) {
  expect_linear(
      [](int steps, std::int64_t size) {
        std::vector<Tensor> sources;
        for (int i = 0; i < steps / 4; ++i) sources.push_back(full({size}, 0.5));
        GradientTape tape;
        for (const Tensor& source : sources) tape.watch(source);
        Tensor y = zeros({size});
        for (const Tensor& source : sources) y = tanh(y * 0.5 + source);
        const Gradients gradients = tape.gradient(y, sources);
        for (const Gradient& gradient : gradients) gradient->to_vector<float>();
      },
      4);
}

TEST(WaitingValues, OfVariablesInALoopThatReadsTheLoss) {
  for (const int every : {1, 10}) {
    expect_linear(
        [&](int steps, std::int64_t size) {
          Variable w(full({size, 4}, 0.5), "w"), b(zeros({4}), "b");
          const Tensor x = full({3, size}, 0.1);
          Gradients gradients;
          Tensor total = zeros({});
          for (int k = 0; k < steps; ++k) {
            GradientTape tape;
            const Tensor hidden = tanh(matmul(x, w) + b);
            const Tensor loss = reduce_mean(square(hidden - 1.0));
            if (k % every == 0) loss.item<float>();
            gradients = tape.gradient(loss, {w, b});
            w.assign_sub(*gradients[0] * 0.1);
            b.assign_sub(*gradients[1] * 0.1);
            total = total + loss;
          }
          run({w.read(), b.read(), total});
        },
        20);
  }
}

TEST(WaitingValues, OfAPersistentTapeThatAnswersOften) {
  expect_linear(
      [](int steps, std::int64_t size) {
        const Tensor x = full({size}, 0.5);
        GradientTape tape({.persistent = true});
        tape.watch(x);
        Tensor y = x;
        for (int i = 0; i < 20; ++i) y = sin(y * 1.1);
        const Tensor z = tanh(y);
        for (int k = 0; k < steps; ++k) {
          const Tensor seed = full({size}, k);
          tape.gradient(k % 2 == 0 ? y : z, x, {.output_gradients = {seed}})->to_vector<float>();
        }
      },
      6);
}

TEST(WaitingValues, OfAChainThatIsReadFromItsEnd) {
  expect_linear(
      [](int steps, std::int64_t size) {
        std::vector<Tensor> chain = {full({size}, 0.5)};
        const int links = steps / 10;  // a kernel of all of them
        for (int i = 0; i < links; ++i) chain.push_back(sin(chain.back()));
        for (int i = links; i > 0; --i) chain[static_cast<std::size_t>(i)].to_vector<float>();
      },
      4);
}

TEST(WaitingValues, OfAChainWithAReadingAtEachLink) {
  expect_linear(
      [](int steps, std::int64_t size) {
        std::vector<Tensor> readings;
        Tensor x = full({size}, 0.5);
        for (int i = 0; i < steps / 10; ++i) {
          x = sin(x);
          readings.push_back(x * 2.0);
        }
        x = Tensor();
        for (std::size_t i = readings.size(); i-- > 0;) readings[i].to_vector<float>();
      },
      6);
}

TEST(WaitingValues, AreReadByManyThreadsAtOnce) {
  for (int round = 0; round < 20; ++round) {
    const Tensor x = full({16}, 0.5), z = full({16}, 0.25);
    std::vector<Tensor> chain = {x};
    for (int i = 0; i < 12; ++i) chain.push_back(sin(chain.back()) + 0.5 * chain.back());
    Gradients gradients;
    {
      GradientTape tape;
      tape.watch({x, z});
      gradients = tape.gradient(tanh(x * z) + x, {x, z});
    }
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t k = 0; k < 3; ++k) {
          const float value = (chain[12 - 3 * k - i % 3] + 0.0).to_vector<float>()[7];
          EXPECT_GT(value, 0);
          EXPECT_NE(gradients[(i + k) % 2]->to_vector<float>()[3], 0);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

constexpr std::int64_t kSize = 1000;
constexpr std::int64_t kBytes = kSize * 4;

TEST(WaitingValues, AreNotKeptByTheFirstRunThatComputesThem) {
  const Tensor x = full({kSize}, 0.5);
  run({x});
  const Tensor a = sin(x), b = sin(a), c = sin(b), beside = b * 2.0;
  EXPECT_EQ(work_of([&] { run({c}); }).bytes, kBytes);
  const Work second = work_of([&] { run({beside}); });
  EXPECT_EQ(second.bytes, 3 * kBytes);  // beside, and a and b, which have handles
  EXPECT_EQ(work_of([&] { run({a, b, c, beside}); }).ops, 0);
}

TEST(WaitingValues, AreNotKeptWhereTheirLastReaderIsComputed) {
  const Tensor x = full({kSize}, 0.5);
  run({x});
  Tensor last, other;
  {
    const Tensor a = sin(x), b = sin(a);
    other = b + 1.0;
    last = b * 2.0;
  }
  EXPECT_EQ(work_of([&] { run({other}); }).bytes, kBytes);
  EXPECT_EQ(work_of([&] { run({last}); }).bytes, kBytes);
}

TEST(WaitingValues, OfGradientsAreComputedWithTheSecondThatIsRead) {
  const Tensor x = full({kSize}, 0.5), y = full({kSize}, 0.25), z = full({kSize}, 0.125);
  run({x, y, z});
  GradientTape tape;
  tape.watch({x, y, z});
  const Gradients gradients = tape.gradient(sin(x) * cos(y) * tanh(z), {x, y, z});
  EXPECT_EQ(work_of([&] { run({*gradients[0]}); }).bytes, kBytes);
  EXPECT_EQ(work_of([&] { run({*gradients[1]}); }).bytes, 2 * kBytes);
  EXPECT_EQ(work_of([&] { run({*gradients[2]}); }).ops, 0);
}

TEST(WaitingValues, OfGradientsWithoutAHandleAreLeftAlone) {
  const Tensor x = full({kSize}, 0.5), y = full({kSize}, 0.25), z = full({kSize}, 0.125);
  run({x, y, z});
  Tensor first, second;
  {
    GradientTape tape;
    tape.watch({x, y, z});
    const Gradients gradients = tape.gradient(sin(x) * cos(y) * tanh(z), {x, y, z});
    first = *gradients[0];
    second = *gradients[1];
  }
  EXPECT_EQ(work_of([&] { run({first}); }).bytes, kBytes);
  EXPECT_EQ(work_of([&] { run({second}); }).bytes, kBytes - 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// While it lives, the process gets little more memory than it has.
class LittleMemory {
 public:
  explicit LittleMemory(std::int64_t more_bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + more_bytes);
    setrlimit(RLIMIT_AS, &limit);
  }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;
  ~LittleMemory() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

TEST(WaitingValues, AreKeptOnlyWhereThereIsMemory) {
  if (!default_device().is_cpu()) GTEST_SKIP() << "the limit is that of the host";
  constexpr std::int64_t kMany = 1 << 25;
  const Tensor x = full({8}, 1.0);
  run({x});
  const Tensor a = broadcast_to(x, {kMany / 8, 8}) + 1.0, b = a * 2.0;
  const Tensor greatest = reduce_max(b), least = reduce_min(b);
  EXPECT_EQ(greatest.item<float>(), 4);
  const LittleMemory little(std::int64_t{64} << 20);
  EXPECT_EQ(least.item<float>(), 4);
}

#endif

TEST(WaitingValues, AreDescribedAsTheyAreComputed) {
  const Tensor x = full({kSize}, 0.5);
  run({x});
  const Tensor a = sin(x), b = a + 1.0, c = a * 2.0;
  for (const Tensor& asked : {b, c}) {
    const PlanSummary summary = describe({asked});
    EXPECT_EQ(describe({asked}).ops, summary.ops);
    EXPECT_EQ(work_of([&] { run({asked}); }).ops, summary.ops);
  }
}

}  // namespace
}  // namespace tendon
