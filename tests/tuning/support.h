// What the tests of this folder share.
#pragma once
#include <functional>
#include <string>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory::tuning {

// The message that `call` throws.
inline std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// No messages on the terminal while it lives.
class Quiet {
 public:
  Quiet() : before_(log_level()) { set_log_level(LogLevel::kOff); }
  ~Quiet() { set_log_level(before_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  LogLevel before_;
};

}  // namespace ivory::tuning
