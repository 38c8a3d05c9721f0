#include "tests/support/numeric.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <limits>

#include "tests/support/device_buffer.h"

namespace tendon::test {
namespace {

// Where the differences are taken; the distance of a point to where f ends must be larger.
constexpr double kStep = 1e-3;
constexpr double kDifferenceTolerance = 1e-6;

std::size_t count_of(const Shape& shape) { return static_cast<std::size_t>(shape.size()); }

// For each element of `to`, the element of `from` that broadcasting puts there.
std::vector<std::size_t> sources_of(const Shape& from, const Shape& to) {
  std::vector<std::size_t> sources;
  for (std::int64_t i = 0; i < to.size(); ++i) {
    std::int64_t left = i;
    std::int64_t at = 0;
    std::int64_t stride = 1;
    for (int axis = to.rank() - 1; axis >= 0; --axis) {
      const std::int64_t index = left % to[axis];
      left /= to[axis];
      const int own = axis - (to.rank() - from.rank());
      if (own < 0) continue;
      if (from[own] != 1) at += index * stride;
      stride *= from[own];
    }
    sources.push_back(static_cast<std::size_t>(at));
  }
  return sources;
}

template <class Agree>
testing::AssertionResult compared(const Values& got, const Values& want, Agree&& agree) {
  if (got.size() != want.size()) {
    return testing::AssertionFailure() << got.size() << " values instead of " << want.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (agree(got[i], want[i])) continue;
    return testing::AssertionFailure() << "element " << i << ": " << std::setprecision(17) << got[i]
                                       << " instead of " << want[i] << ", " << std::setprecision(6)
                                       << ulp_distance(got[i], want[i]) << " ulp of f32";
  }
  return testing::AssertionSuccess();
}

double distance_of(double x) { return std::max(std::abs(x), 0.05); }

// Element i is d sum(cotangent * f) / d operand k's element i.
Values differences(const Function& f, const Operands& at, const Values& cotangent, std::size_t k,
                   double step, Sweep sweep) {
  const Values x = values(at[k]);
  const auto moved = [&](double steps, std::size_t only) {
    Values there = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (sweep == Sweep::together || i == only) there[i] += steps * step * distance_of(x[i]);
    }
    Operands operands = at;
    operands[k] = tensor(there, at[k].shape());
    Values result = values(f(operands));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] *= cotangent[i];
    return result;
  };
  // The sum over elements of the fourth-order difference.
  const auto slopes = [&](std::size_t only) {
    const Values far = moved(2, only);
    const Values near_by = moved(1, only);
    const Values back = moved(-1, only);
    const Values far_back = moved(-2, only);
    Values result(far.size());
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i] = (8 * (near_by[i] - back[i]) - (far[i] - far_back[i])) / (12 * step);
    }
    return result;
  };
  Values result(x.size());
  if (sweep == Sweep::together) result = slopes(0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (sweep == Sweep::each) {
      for (const double slope : slopes(i)) result[i] += slope;
    }
    result[i] /= distance_of(x[i]);
  }
  return result;
}

}  // namespace

Values points(std::int64_t count, double low, double high, unsigned salt) {
  Values result;
  for (std::int64_t i = 0; i < count; ++i) {
    // Weyl's sequence of the golden ratio spreads them evenly.
    const double turn = (static_cast<double>(i) + 0.5) * 0.6180339887498949 + 0.2971 * salt;
    const double part = turn - std::floor(turn);
    const auto point = static_cast<float>(low + (high - low) * (0.001 + 0.998 * part));
    result.push_back(static_cast<double>(point));
  }
  // Without this, operands of different salts would all differ by the same amount.
  for (std::size_t i = result.size(); salt != 0 && i > 1; --i) {
    std::swap(result[i - 1], result[(i * 2654435761U + salt * 40503U) % i]);
  }
  return result;
}

Tensor tensor(const Values& values, const Shape& shape, DType dtype) {
  const Tensor wide = Tensor::from(values, shape);
  return dtype == DType::f64 ? wide : wide.cast(dtype);
}

Values values(const Tensor& tensor) { return tensor.cast(DType::f64).to_vector<double>(); }

Values expanded(const Values& values, const Shape& from, const Shape& to) {
  Values result;
  for (const std::size_t source : sources_of(from, to)) result.push_back(values[source]);
  return result;
}

Values summed(const Values& values, const Shape& from, const Shape& to) {
  Values result(count_of(to));
  const std::vector<std::size_t> sources = sources_of(to, from);
  for (std::size_t i = 0; i < sources.size(); ++i) result[sources[i]] += values[i];
  return result;
}

double ulp_distance(double got, double want) {
  if ((std::isnan(got) && std::isnan(want)) || got == want) return 0;
  if (!std::isfinite(got) || !std::isfinite(want)) return std::numeric_limits<double>::infinity();
  const int exponent = want == 0 ? -126 : std::max(std::ilogb(want), -126);
  return std::abs(got - want) / std::ldexp(1.0, exponent - 23);
}

testing::AssertionResult within_ulp(const Values& got, const Values& want, double ulp) {
  return compared(got, want, [ulp](double a, double b) { return ulp_distance(a, b) <= ulp; });
}

testing::AssertionResult near(const Values& got, const Values& want, double tolerance) {
  return compared(got, want, [tolerance](double a, double b) {
    if ((std::isnan(a) && std::isnan(b)) || a == b) return true;
    return std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
  });
}

testing::AssertionResult same(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
    return testing::AssertionFailure() << got.dtype() << ' ' << got.shape() << " instead of "
                                       << want.dtype() << ' ' << want.shape();
  }
  return compared(values(got), values(want), [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  });
}

std::vector<Gradient> gradients(const Function& f, const Operands& at, const Tensor& cotangent) {
  GradientTape tape;
  const std::vector<Source> sources(at.begin(), at.end());
  for (const Tensor& operand : at) {
    if (is_floating(operand.dtype())) tape.watch(operand);
  }
  const Tensor value = f(at);
  const Gradients answer = tape.gradient({value}, sources, {.output_gradients = {cotangent}});
  return {answer.begin(), answer.end()};
}

Tensor derivative(const Function& f, const Operands& at, const Tensor& cotangent, std::size_t k) {
  return gradients(f, at, cotangent)[k].value_or_zeros();
}

testing::AssertionResult gradient_agrees(const Function& f, const Operands& at, Sweep sweep,
                                         const Derivative& by) {
  const Shape shape = f(at).shape();
  const Values weights = points(shape.size(), 0.5, 1.5, 77);
  const Tensor cotangent = tensor(weights, shape);
  for (std::size_t k = 0; k < at.size(); ++k) {
    if (at[k].dtype() != DType::f64) continue;
    const Tensor answer = by(f, at, cotangent, k);
    if (answer.shape() != at[k].shape() || answer.dtype() != DType::f64) {
      return testing::AssertionFailure()
             << "by operand " << k << ": a derivative of " << answer.dtype() << ' '
             << answer.shape() << " for " << at[k].dtype() << ' ' << at[k].shape();
    }
    const Values got = values(answer);
    const Values want = differences(f, at, weights, k, kStep / 2, sweep);
    const Values coarse = differences(f, at, weights, k, kStep, sweep);
    std::size_t kinks = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double tolerance = kDifferenceTolerance * std::max(1.0, std::abs(want[i]));
      if (!(std::abs(coarse[i] - want[i]) <= tolerance)) {
        ++kinks;
      } else if (!(std::abs(got[i] - want[i]) <= tolerance)) {
        return testing::AssertionFailure()
               << "by operand " << k << ", element " << i << " (at " << values(at[k])[i]
               << "): " << got[i] << ", central differences give " << want[i];
      }
    }
    if (kinks * 8 > got.size()) {
      return testing::AssertionFailure() << "by operand " << k << ": " << kinks << " of "
                                         << got.size() << " points have no central difference";
    }
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult second_order_agrees(const Function& f, const Operands& at, Sweep sweep) {
  const Shape shape = f(at).shape();
  const Tensor cotangent = tensor(points(shape.size(), 0.5, 1.5, 78), shape);
  for (std::size_t k = 0; k < at.size(); ++k) {
    if (at[k].dtype() != DType::f64) continue;
    const auto first = [&f, &cotangent, k](const Operands& operands) {
      return derivative(f, operands, cotangent, k);
    };
    const auto agrees = gradient_agrees(first, at, sweep);
    if (!agrees) {
      return testing::AssertionFailure()
             << "the derivative by operand " << k << ", again " << agrees.message();
    }
  }
  return testing::AssertionSuccess();
}

std::vector<Tensor> through_executable(Op op, const Operands& operands,
                                       const Attributes& attributes, bool with_gradients) {
  const auto with_bytes = [](DType dtype, auto&& use) {
    switch (dtype) {
      case DType::boolean: return use(char{});
      case DType::i32: return use(std::int32_t{});
      case DType::i64: return use(std::int64_t{});
      case DType::f16: return use(half{});
      case DType::bf16: return use(bfloat16{});
      case DType::f32: return use(float{});
      case DType::f64: return use(double{});
    }
  };
  TapeBuilder builder;
  std::vector<Ref> inputs;
  std::vector<std::vector<std::byte>> memory;
  for (const Tensor& operand : operands) {
    inputs.push_back(builder.input(operand.dtype(), operand.shape()));
    with_bytes(operand.dtype(), [&]<class T>(T) {
      using Read = std::conditional_t<std::is_same_v<T, char>, bool, T>;
      const std::vector<Read> read = operand.to_vector<Read>();
      const std::vector<T> plain(read.begin(), read.end());
      const auto bytes = std::as_bytes(std::span(plain));
      memory.emplace_back(bytes.begin(), bytes.end());
    });
  }
  const Ref value = builder.apply(op, inputs, attributes);
  const Tape tape = std::move(builder).finish({value});
  CompileOptions options{.gradients = with_gradients};
  if (with_gradients) options.sources = inputs;
  const Executable executable = compile(tape, options);

  std::vector<DeviceBuffer> from;
  for (const std::vector<std::byte>& bytes : memory) from.emplace_back(options.device, bytes);
  std::vector<DeviceBuffer> into;
  for (const Executable::Value& output : executable.outputs())
    into.emplace_back(options.device, std::vector<std::byte>(output.bytes));
  executable.run(Stream(), buffers(from), buffers(into));
  std::vector<std::vector<std::byte>> results;
  for (const DeviceBuffer& output : into) results.push_back(output.read());

  std::vector<Tensor> answers;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Executable::Value& output = executable.outputs()[i];
    if (!output.connected) continue;
    with_bytes(output.dtype, [&]<class T>(T) {
      const auto* first = reinterpret_cast<const T*>(results[i].data());
      const std::vector<T> plain(first, first + output.shape.size());
      if constexpr (std::is_same_v<T, char>) {
        answers.push_back(
            Tensor::from(std::vector<bool>(plain.begin(), plain.end()), output.shape));
      } else {
        answers.push_back(Tensor::from(plain, output.shape));
      }
    });
  }
  return answers;
}

testing::AssertionResult words_found(const std::string& text, std::span<const std::string> words,
                                     Place place) {
  for (const std::string& word : words) {
    if (text.find(word) == std::string::npos) {
      return testing::AssertionFailure() << "does not say '" << word << "': " << text;
    }
  }
  const std::string path = place.file_name();
  const std::string file = path.substr(path.rfind('/') + 1);
  const std::size_t named = text.find(file + ":");
  if (named == std::string::npos) {
    return testing::AssertionFailure() << "does not name a line of " << file << ": " << text;
  }
  // The call is a few lines around at most, however it is laid out.
  const int line = std::stoi(text.substr(named + file.size() + 1));
  if (std::abs(line - static_cast<int>(place.line())) > 4) {
    return testing::AssertionFailure()
           << "names another line than " << place.line() << " or one near it: " << text;
  }
  return testing::AssertionSuccess();
}

}  // namespace tendon::test
