// The reason for a None does not depend on what happened before its tape: every cause, at several
// steps of a training loop, with and without printing, with few and many ops in between, beside
// another tape and beside another thread.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace tendon {
namespace {

struct Setting {
  int ops = 0;           // in between
  bool printed = false;  // the table, after each step
  bool two_tapes = false;
  bool data_thread = false;
};

std::ostream& operator<<(std::ostream& stream, const Setting& setting) {
  return stream << setting.ops << " ops in between" << (setting.printed ? ", printed" : "")
                << (setting.two_tapes ? ", beside an outer tape" : "")
                << (setting.data_thread ? ", beside a data thread" : "");
}

struct Found {
  Explanation why;
  int line = 0;  // of the place that a person would edit; 0: any
};

// What a program of the matrix works with.
struct Model {
  Variable w{Tensor::from({1.5F, 2.5F}), "w"};
  Variable v{Tensor::from({0.5F, 3.5F}), "v"};
  Variable fixed{Tensor::from({0.5F, 3.5F}), "fixed", false};
  int ops = 0;

  void between() const {
    const Tensor one = ones({2});
    for (int i = 0; i < ops; ++i) Tensor discarded = one + 1;
  }
};

struct Program {
  const char* name;
  Cause cause;
  std::function<Found(Model&)> run;
};

const std::vector<Program>& programs() {
  static const std::vector<Program> kPrograms = {
      {"connected", Cause::connected,
       [](Model& m) {
         GradientTape tape;
         Tensor h = m.w * m.v;
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(h), m.w).why(), line};
       }},
      {"an integer source", Cause::cut_by_dtype,
       [](Model& m) {
         Tensor i = Tensor::from({1, 2});
         const int line = __LINE__ - 1;
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(i * m.w), i).why(), line};
       }},
      {"a cast to integers", Cause::cut_by_dtype,
       [](Model& m) {
         GradientTape tape;
         Tensor i = m.w.read().cast(DType::i32);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(i * m.v), m.w).why(), line};
       }},
      {"watched after its use", Cause::watched_after_use,
       [](Model& m) {
         Tensor x = ones({2});
         GradientTape tape;
         Tensor y = square(x);
         const int line = __LINE__ - 1;
         m.between();
         tape.watch(x);
         return Found{tape.gradient(reduce_sum(y * m.v), x).why(), line};
       }},
      {"watched after its use before the tape", Cause::watched_after_use,
       [](Model& m) {
         Tensor x = ones({2});
         Tensor y = square(x);
         const int line = __LINE__ - 1;
         m.between();
         GradientTape tape;
         tape.watch(x);
         return Found{tape.gradient(reduce_sum(y * m.v), x).why(), line};
       }},
      {"an unwatched tensor", Cause::source_unwatched,
       [](Model& m) {
         Tensor x = ones({2});
         m.between();
         GradientTape tape;
         Tensor y = square(x);
         const int line = __LINE__ - 1;
         return Found{tape.gradient(reduce_sum(y * m.v), x).why(), line};
       }},
      {"a variable that is not trainable", Cause::source_unwatched,
       [](Model& m) {
         GradientTape tape;
         Tensor y = square(m.fixed);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.fixed).why(), line};
       }},
      {"a variable read before the tape", Cause::source_unwatched,
       [](Model& m) {
         Tensor y = square(m.w);
         const int line = __LINE__ - 1;
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"a variable read before the tape, and computed there", Cause::source_unwatched,
       [](Model& m) {
         Tensor y = square(m.w);
         const int line = __LINE__ - 1;
         run({y});
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"watched after its use in something computed before the tape", Cause::watched_after_use,
       [](Model& m) {
         Tensor x = ones({2});
         run({x});
         Tensor y = square(x);
         const int line = __LINE__ - 1;
         run({y});
         m.between();
         GradientTape tape;
         tape.watch(x);
         return Found{tape.gradient(reduce_sum(y * m.v), x).why(), line};
       }},
      {"computed features of another thread", Cause::other_thread,
       [](Model& m) {
         Tensor features;
         int line = 0;
         std::thread([&] {
           features = tanh(m.w * m.v);
           line = __LINE__ - 1;
           run({features});
         }).join();
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(features * m.v), m.w).why(), line};
       }},
      {"a copy of a variable's value made before the tape", Cause::source_unwatched,
       [](Model& m) {
         Tensor copy = m.w;
         const int line = __LINE__ - 1;
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(copy * m.v), m.w).why(), line};
       }},
      {"computed before reset", Cause::after_reset,
       [](Model& m) {
         GradientTape tape;
         Tensor y = square(m.w);
         const int line = __LINE__ - 1;
         tape.reset();
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"watched before reset", Cause::after_reset,
       [](Model& m) {
         Tensor x = ones({2});
         GradientTape tape;
         tape.watch(x);
         tape.reset();
         m.between();
         Tensor y = square(x);
         const int line = __LINE__ - 1;
         return Found{tape.gradient(reduce_sum(y * m.v), x).why(), line};
       }},
      {"computed while paused", Cause::cut_by_pause,
       [](Model& m) {
         GradientTape tape;
         Tensor h = m.w * m.v;
         Tensor y;
         {
           Pause pause = tape.stop_recording();
           y = square(h);
         }
         const int line = __LINE__ - 2;
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"read and used only while paused", Cause::cut_by_pause,
       [](Model& m) {
         GradientTape tape;
         Tensor y;
         {
           Pause pause = tape.stop_recording();
           y = square(m.w);
         }
         const int line = __LINE__ - 2;
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"through the host", Cause::cut_by_host_read,
       [](Model& m) {
         GradientTape tape;
         Tensor y = m.w * 1.25;
         const std::vector<float> values = y.to_vector<float>();
         const int line = __LINE__ - 1;
         m.between();
         Tensor back = Tensor::from(values);
         return Found{tape.gradient(reduce_sum(back * m.v), m.w).why(), line};
       }},
      {"through an assign", Cause::cut_by_assign,
       [](Model& m) {
         GradientTape tape;
         m.fixed.assign(m.w * 2);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(m.fixed * m.v), m.w).why(), line};
       }},
      {"through assign_add", Cause::cut_by_assign,
       [](Model& m) {
         GradientTape tape;
         m.fixed.assign_add(m.w * 2);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(m.fixed * m.v), m.w).why(), line};
       }},
      {"floor", Cause::cut_by_op,
       [](Model& m) {
         GradientTape tape;
         Tensor y = floor(m.w);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"stop_gradient", Cause::cut_by_stop_gradient,
       [](Model& m) {
         GradientTape tape;
         Tensor y = stop_gradient(m.w);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(y * m.v), m.w).why(), line};
       }},
      {"the target of another tape", Cause::other_tape,
       [](Model& m) {
         Tensor loss;
         GradientTape first;
         loss = reduce_sum(m.w * m.v);
         const int line = __LINE__ - 1;
         first.stop();
         m.between();
         GradientTape second;
         return Found{second.gradient(loss, m.w).why(), line};
       }},
      {"features of another thread", Cause::other_thread,
       [](Model& m) {
         Tensor features;
         int line = 0;
         std::thread([&] {
           features = tanh(m.w * m.v);
           line = __LINE__ - 1;
         }).join();
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(features * m.v), m.w).why(), line};
       }},
      {"a target of another thread", Cause::other_thread,
       [](Model& m) {
         GradientTape tape;
         Tensor loss;
         int line = 0;
         std::thread([&] {
           loss = reduce_sum(m.w * m.v);
           line = __LINE__ - 1;
         }).join();
         m.between();
         return Found{tape.gradient(loss, m.w).why(), line};
       }},
      {"the slope of something linear", Cause::linear,
       [](Model& m) {
         GradientTape outer;
         Tensor slope;
         {
           GradientTape inner;
           slope = *inner.gradient(reduce_sum(3 * m.w), m.w);
         }
         m.between();
         return Found{outer.gradient(slope, m.w).why(), 0};
       }},
      {"computed after stop", Cause::target_not_recorded,
       [](Model& m) {
         GradientTape tape;
         Tensor y = m.w * m.v;
         tape.stop();
         m.between();
         Tensor loss = reduce_sum(y);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(loss, m.w).why(), line};
       }},
      {"a leaf as target", Cause::target_not_recorded,
       [](Model& m) {
         GradientTape tape;
         Tensor y = m.w * m.v;
         Tensor other = Tensor::from({5.0F});
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(other, m.w).why(), line};
       }},
      {"a dead end", Cause::dead_end,
       [](Model& m) {
         GradientTape tape;
         Tensor unused = exp(m.w * 2);
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(square(m.v)), m.w).why(), line};
       }},
      {"a dead end that was read", Cause::dead_end,
       [](Model& m) {
         GradientTape tape;
         const float scale = reduce_sum(m.w * 2).item<float>();
         const int line = __LINE__ - 1;
         m.between();
         return Found{tape.gradient(reduce_sum(square(m.v)) * (scale * 3), m.w).why(), line};
       }},
      {"never used", Cause::never_used,
       [](Model& m) {
         GradientTape tape;
         m.between();
         return Found{tape.gradient(reduce_sum(square(m.v)), m.w).why(), 0};
       }},
      {"used in a validation before the tape", Cause::never_used,
       [](Model& m) {
         static_cast<void>(reduce_sum(square(m.w) * m.v).item<float>());
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(square(m.v)), m.w).why(), 0};
       }},
      {"used on an earlier tape", Cause::never_used,
       [](Model& m) {
         {
           GradientTape tape;
           tape.gradient(reduce_sum(square(m.w) * m.v), m.w);
         }
         m.between();
         GradientTape tape;
         return Found{tape.gradient(reduce_sum(square(m.v)), m.w).why(), 0};
       }},
  };
  return kPrograms;
}

// What a data loader does: ops and short tapes of its own.
void load_data() {
  Variable scale(Tensor(2.0), "scale");
  for (int batch = 0; batch < 20; ++batch) {
    GradientTape tape;
    Tensor x = ones({4}) * scale;
    for (int i = 0; i < 20; ++i) x = x + 1;
    tape.gradient(reduce_sum(x), scale);
  }
}

class CauseMatrix : public testing::TestWithParam<Setting> {};

TEST_P(CauseMatrix, IsTheSameAtEveryStep) {
  const Setting& setting = GetParam();
  for (const Program& program : programs()) {
    Model model;
    model.ops = setting.ops;
    optim::Adam adam({.learning_rate = 0.01});
    std::unique_ptr<GradientTape> outer;
    if (setting.two_tapes) outer = std::make_unique<GradientTape>(TapeOptions{.persistent = true});
    std::thread data_thread;
    if (setting.data_thread) data_thread = std::thread(load_data);
    std::string first_text;
    for (int step = 0; step < 3; ++step) {
      const auto [why, line] = program.run(model);
      const std::string told = std::string(program.name) + " at step " + std::to_string(step);
      EXPECT_EQ(why.cause, program.cause) << told << ": " << why;
      if (line != 0 && why.where) {
        EXPECT_EQ(static_cast<int>(why.where->line()), line) << told << ": " << why;
      }
      EXPECT_EQ(why.where.has_value() || line == 0, true) << told << ": " << why;
      std::ostringstream text;
      text << why;
      if (step == 0) first_text = text.str();
      EXPECT_EQ(text.str(), first_text) << told;

      GradientTape tape;
      const Tensor loss = reduce_sum(square(model.w * model.v));
      const Gradients gradients = tape.gradient(loss, {model.w, model.v, model.fixed});
      if (setting.printed) {
        std::ostringstream table;
        table << gradients << loss << model.w;
      }
      adam.apply(Gradients({gradients[0], gradients[1]}), {model.w, model.v});
      model.between();
    }
    if (data_thread.joinable()) data_thread.join();
  }
}

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const int ops : {10, 500, 5000}) {
    for (int bits = 0; bits < 8; ++bits)
      all.push_back({ops, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, CauseMatrix, testing::ValuesIn(settings()));

}  // namespace
}  // namespace tendon
