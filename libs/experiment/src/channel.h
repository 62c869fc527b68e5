// Messages between a coordinator and its worker process.
#pragma once
#include <optional>
#include <string>

#include <ivory/base/params.h>

namespace ivory {

// One end of a pair of connected sockets; a message is one line of JSON. Owns the descriptor. One thread.
class Channel {
 public:
  explicit Channel(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Channel();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // False if nobody is at the other end any more. Errors: kIo.
  [[nodiscard]] bool send(const Params& message) const;
  // Waits until something can be read, and reads it. False at the end. Errors: kIo.
  [[nodiscard]] bool read();
  // The next whole message of what was read. Errors: kInvalidArgument for what is no JSON.
  [[nodiscard]] std::optional<Params> next();
  // The next message, waited for; none at the end.
  [[nodiscard]] std::optional<Params> receive();

 private:
  int descriptor_;
  std::string buffer_;
};

}  // namespace ivory
