#include "tests/misuse/declared.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <vector>

namespace tendon::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string without_comments_and_directives(const std::string& text) {
  static const std::regex kComment(R"(//[^\n]*)"),
      kDirective(R"((^|\n)[ \t]*#([^\n]*\\\n)*[^\n]*)");
  return std::regex_replace(std::regex_replace(text, kComment, ""), kDirective, "\n");
}

// The name of a field that the statement declares; empty where it declares none.
std::string field_of(std::string statement) {
  statement = statement.substr(0, statement.find('='));
  if (statement.find('(') != std::string::npos) return "";
  static const std::regex kName(R"(^[\s\S]*[\s>&*]([A-Za-z_]\w*)\s*(\[\w*\])?\s*$)");
  std::smatch match;
  return std::regex_match(statement, match, kName) ? match[1].str() : "";
}

bool is_given_by_callers(const std::string& type) {
  return type.ends_with("Options") || type == "Attributes" || type == "Buffer";
}

struct Scope {
  enum Kind { names, hidden, type, other } kind;
  std::string name;
};

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(without_comments_and_directives(text)) {}

  Declared read() {
    for (const char c : text_) {
      if (c == '{') {
        open();
      } else if (c == '}') {
        if (!scopes_.empty()) close();
      } else if (c == ';') {
        finish_statement();
      } else {
        statement_ += c;
      }
    }
    return declared_;
  }

 private:
  void open() {
    static const std::regex kNamespace(R"(namespace\s+([\w:]+)\s*$)");
    static const std::regex kEnum(R"(enum\s+class\s+(\w+))");
    static const std::regex kType(
        R"(^\s*(?:class|struct)\s+(?:TENDON_API\s+)?(\w+)\s*(:[^:][\s\S]*)?$)");
    std::smatch match;
    const bool is_visible =
        std::ranges::all_of(scopes_, [](const Scope& scope) { return scope.kind == Scope::names; });
    if (std::regex_search(statement_, match, kNamespace)) {
      const std::string name = match[1];
      const bool is_hidden = name.find("detail") != std::string::npos;
      scopes_.push_back({is_hidden ? Scope::hidden : Scope::names, name});
    } else if (is_visible && std::regex_search(statement_, match, kEnum)) {
      declared_.enums.insert(qualified(match[1]));
      scopes_.push_back({Scope::other, ""});
    } else if (is_visible && std::regex_match(statement_, match, kType)) {
      const std::string bases = match[2];
      const bool is_exception = bases.find("rror") != std::string::npos;
      if (!is_exception) declared_.types.insert(qualified(match[1]));
      scopes_.push_back({Scope::type, match[1]});
    } else {
      scopes_.push_back({Scope::other, ""});
      kept_.push_back(statement_);  // goes on after the brace: an initializer, or a body
      statement_.clear();
      return;
    }
    statement_.clear();
  }

  void close() {
    const bool is_inner = scopes_.back().kind == Scope::other && !kept_.empty();
    scopes_.pop_back();
    statement_.clear();
    if (!is_inner) return;
    statement_ = kept_.back();
    kept_.pop_back();
    if (statement_.find('=') == std::string::npos) statement_.clear();  // a function's body
  }

  void finish_statement() {
    if (!scopes_.empty() && scopes_.back().kind == Scope::type &&
        is_given_by_callers(scopes_.back().name)) {
      if (const std::string field = field_of(statement_); !field.empty())
        declared_.fields.insert(scopes_.back().name + "." + field);
    }
    statement_.clear();
  }

  std::string qualified(const std::string& name) const {
    std::string full;
    for (const Scope& scope : scopes_) {
      const std::string inner = scope.name == "tendon"               ? ""
                                : scope.name.starts_with("tendon::") ? scope.name.substr(8) + "::"
                                                                     : scope.name + "::";
      full += inner;
    }
    return full + name;
  }

  std::string text_;
  std::string statement_;
  std::vector<Scope> scopes_;
  std::vector<std::string> kept_;
  Declared declared_;
};

}  // namespace

Declared declared_in(const std::string& text) { return Reader(text).read(); }

Declared declared() {
  Declared all;
  for (const auto& entry : fs::directory_iterator(fs::path(TENDON_SOURCE_DIR) / "include/tendon")) {
    if (entry.path().extension() != ".h") continue;
    Declared of_header = declared_in(text_of(entry.path()));
    all.enums.merge(of_header.enums);
    all.types.merge(of_header.types);
    all.fields.merge(of_header.fields);
  }
  return all;
}

std::set<std::string> environment_variables() {
  std::set<std::string> names;
  const auto add = [&](const std::string& text, const std::regex& pattern) {
    for (std::sregex_iterator found(text.begin(), text.end(), pattern), end; found != end; ++found)
      names.insert((*found)[1]);
  };
  add(text_of(fs::path(TENDON_SOURCE_DIR) / "README.md"), std::regex(R"(`(TENDON_[A-Z_0-9]+)=)"));
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TENDON_SOURCE_DIR) / "host")) {
    const auto extension = entry.path().extension();
    if (extension == ".cpp" || extension == ".h")
      add(text_of(entry.path()), std::regex(R"re("(TENDON_[A-Z_0-9]+)")re"));
  }
  return names;
}

}  // namespace tendon::test
