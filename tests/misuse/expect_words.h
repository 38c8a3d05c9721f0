// Calls that throw, and what their messages must say.
#pragma once

#include <gtest/gtest.h>
#include <tendon/error.h>

#include <functional>
#include <initializer_list>
#include <string>

namespace tendon::test {

// The call throws E, and its message has all the words.
template <class E>
void expect_words(const std::function<void()>& call, std::initializer_list<const char*> words) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown; wanted: " << *words.begin();
  } catch (const E& error) {
    const std::string text = error.what();
    for (const char* word : words)
      EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another type was thrown: " << error.what();
  }
}

// The call returns, or throws an Error that says something.
inline void expect_harmless(const char* what, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty()) << what;
  } catch (const std::exception& error) {
    ADD_FAILURE() << what << " threw another type: " << error.what();
  }
}

}  // namespace tendon::test
