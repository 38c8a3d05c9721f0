// A CSV file of names and numbers, read a row at a time, whose errors say file, line and column.
#pragma once

#define CSV_IO_NO_THREAD  // the files are small
#include <fmt/format.h>
#include <libfccp/csv.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

namespace tendon::workloads {

// The finite values above the lower bound, or at it where it is included, and up to the upper.
struct Range {
  double lower;
  bool lower_included;
  double upper;
  const char* description;

  bool contains(double value) const {
    return std::isfinite(value) && value <= upper &&
           (lower_included ? value >= lower : value > lower);
  }
};

// Columns may stand in any order and among others; blank lines are skipped. Every error is a
// std::runtime_error.
template <unsigned kColumns>
class CsvTable {
 public:
  CsvTable(const std::filesystem::path& path, const std::array<const char*, kColumns>& columns)
      : name_(path.filename().string()), columns_(columns), reader_(readable(path)) {
    translate_errors([&] {
      std::apply([&](auto... column) { reader_.read_header(io::ignore_extra_column, column...); },
                 columns_);
    });
  }

  bool next_row() {
    return translate_errors([&] {
      return std::apply([&](auto&... field) { return reader_.read_row(field...); }, fields_);
    });
  }

  // Of the current row.
  std::string_view text(std::size_t column) const { return fields_[column]; }
  double number(std::size_t column, const Range& range) const {
    const std::string_view field = text(column);
    double value = 0;
    const auto [end, error] = std::from_chars(field.begin(), field.end(), value);
    if (error == std::errc::invalid_argument || end != field.end()) {
      fail(column, fmt::format("'{}' is not a number", field));
    }
    if (error != std::errc() || !range.contains(value)) {
      fail(column, fmt::format("{} is not {}", field, range.description));
    }
    return value;
  }

  [[noreturn]] void fail(std::size_t column, std::string_view what) const {
    throw std::runtime_error(fmt::format("{} line {}, column {}: {}", name_,
                                         reader_.get_file_line(), columns_[column], what));
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw std::runtime_error(fmt::format("{}: {}", name_, what));
  }

 private:
  static std::string readable(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) {
      throw std::runtime_error(fmt::format("{}: no such file", path.string()));
    }
    if (!std::filesystem::is_regular_file(path) || !std::ifstream(path)) {
      throw std::runtime_error(fmt::format("{}: cannot be read", path.string()));
    }
    return path.string();
  }

  template <class Read>
  auto translate_errors(const Read& read) {
    try {
      return read();
    } catch (const io::error::header_missing&) {
      fail("the file is empty");
    } catch (const io::error::missing_column_in_header& error) {
      fail(fmt::format("the header has no column {}", error.column_name));
    } catch (const io::error::duplicated_column_in_header& error) {
      fail(fmt::format("the header has column {} twice", error.column_name));
    } catch (const io::error::too_few_columns&) {
      fail(fmt::format("line {} has fewer columns than the header", reader_.get_file_line()));
    } catch (const io::error::too_many_columns&) {
      fail(fmt::format("line {} has more columns than the header", reader_.get_file_line()));
    } catch (const io::error::escaped_string_not_closed&) {
      fail(fmt::format("line {} has a quote that is not closed", reader_.get_file_line()));
    } catch (const io::error::base& error) {
      fail(error.what());
    }
  }

  std::string name_;
  std::array<const char*, kColumns> columns_;
  io::CSVReader<kColumns, io::trim_chars<' ', '\t'>, io::double_quote_escape<',', '"'>,
                io::throw_on_overflow, io::empty_line_comment>
      reader_;
  std::array<char*, kColumns> fields_{};
};

}  // namespace tendon::workloads
