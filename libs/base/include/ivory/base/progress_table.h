// Progress of several works at once: a line each.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ivory {

// Writes to stderr. On a terminal: a line for each work that has begun and not ended, and one for all of
// them, redrawn at most 20 times a second; a work that ends leaves a line above. Elsewhere: for each work a
// line at its first update, then one at most every 10 seconds, and one at its end. One thread. Nothing is
// written while log_level() is above kInfo.
class ProgressTable {
 public:
  // `count` works in all; 0: nobody knows. After `limit` no further one begins.
  explicit ProgressTable(std::int64_t count, std::optional<std::chrono::duration<double>> limit = {});
  ~ProgressTable();
  ProgressTable(const ProgressTable&) = delete;
  ProgressTable& operator=(const ProgressTable&) = delete;

  // `key` tells works apart; lines are in the order of keys.
  void begin(std::size_t key, std::string title);
  // `done` of total steps; `note` is what to show beside them. A work that has not begun is none.
  void update(std::size_t key, std::int64_t done, std::int64_t total, std::string_view note);
  void end(std::size_t key, std::int64_t done, std::string_view note);
  // What to show beside the line for all of them, on a terminal.
  void note(std::string text) { note_ = std::move(text); }
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Work {
    std::string title, note;
    std::int64_t done = 0, total = 0;
    Clock::time_point begun, last;
    bool shown = false;
  };
  [[nodiscard]] std::string line_of(const Work& work) const;
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] std::chrono::seconds left() const;
  void print(Work& work);
  void redraw(const std::string& above);
  std::map<std::size_t, Work> works_;
  std::int64_t count_, ended_ = 0;
  std::optional<std::chrono::duration<double>> limit_;
  std::string note_;
  std::size_t title_width_ = 0, drawn_lines_ = 0;
  bool terminal_, finished_ = false;
  Clock::time_point begun_, last_;
};

}  // namespace ivory
