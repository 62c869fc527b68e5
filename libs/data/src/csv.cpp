#include <ivory/data/csv.h>
// libcsv's header has no namespace of its own: it stays here.
#include <csv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <unordered_map>

#include <ivory/base/error.h>

namespace ivory {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers up to here are reals exactly

std::string quote(std::string_view text) {
  constexpr std::size_t kMost = 40;
  return "\"" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "…" : "") + "\"";
}

std::string place_of(const std::string& name, std::int64_t line, std::string_view column) {
  return name + ":" + std::to_string(line) + ": column '" + std::string(column) + "': ";
}

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

bool is_missing(std::string_view text) {
  constexpr std::array<std::string_view, 5> kWords{"na", "nan", "n/a", "null", "none"};
  if (text.empty()) return true;
  if (text.size() > 4) return false;
  const auto lower = [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); };
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return std::equal(word.begin(), word.end(), text.begin(), text.end(),
                      [&](char a, char b) { return a == lower(b); });
  });
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<double> find_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) fail(quote(text) + " is beyond the range of a real number");
  return value;
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

// Collects one column, whose kind shows as its values come.
class ColumnBuilder {
 public:
  ColumnBuilder(std::string name, bool categorical) : name_(std::move(name)), declared_(categorical) {
    if (declared_) kind_ = Kind::kText;
  }

  // Errors: text in a column of numbers, without the place.
  void add(std::string_view text, std::int64_t line) {
    text = trim(text);
    if (is_missing(text)) return add_missing();
    if (kind_ == Kind::kUndecided) decide(text);
    if (kind_ == Kind::kNumbers) return add_number(text);
    add_text(text, line);
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  CsvColumn finish(const std::string& table) {
    check_mixture(table);
    CsvColumn column;
    column.name = name_;
    column.text = kind_ == Kind::kText;
    column.integral = integral_ && missing_ == 0 && !column.text;
    if (kind_ == Kind::kUndecided) numbers_.assign(missing_, kNaN);
    column.numbers = std::move(numbers_);
    if (column.text) sort_categories(column);
    return column;
  }

 private:
  enum class Kind : std::uint8_t { kUndecided, kNumbers, kText };

  void add_missing() {
    ++missing_;
    if (kind_ == Kind::kNumbers) numbers_.push_back(kNaN);
    if (kind_ == Kind::kText) codes_.push_back(-1);
  }
  void decide(std::string_view text) {
    kind_ = find_number(text) ? Kind::kNumbers : Kind::kText;
    if (kind_ == Kind::kNumbers) numbers_.assign(missing_, kNaN);
    if (kind_ == Kind::kText) codes_.assign(missing_, -1);
  }
  void add_number(std::string_view text) {
    const auto value = find_number(text);
    if (!value) {
      fail(quote(text) +
           " is not a number, as the values before it are; a column of text that looks like numbers must be "
           "named categorical");
    }
    integral_ = integral_ && std::trunc(*value) == *value && std::abs(*value) <= kExact;
    numbers_.push_back(*value);
  }
  void add_text(std::string_view text, std::int64_t line) {
    auto found = code_of_.find(text);
    if (found == code_of_.end())
      found = code_of_.emplace(std::string(text), static_cast<std::int32_t>(code_of_.size())).first;
    codes_.push_back(found->second);
    if (!declared_) note_kind(text, line);
  }
  // Of text and of numbers among it: how many, and the first.
  struct Seen {
    std::int64_t count = 0;
    std::int64_t line = 0;
    std::string text;
  };
  void note_kind(std::string_view text, std::int64_t line) {
    Seen& seen = find_number(text) ? seen_numbers_ : seen_text_;
    if (seen.count++ == 0) {
      seen.line = line;
      seen.text = text;
    }
  }
  void check_mixture(const std::string& table) const {
    if (seen_numbers_.count == 0 || seen_text_.count == 0) return;
    const bool numbers = seen_numbers_.count > seen_text_.count;
    const Seen& odd = numbers ? seen_text_ : seen_numbers_;
    fail(place_of(table, odd.line, name_) + quote(odd.text) +
         (numbers ? " is not a number" : " is a number") + ", while " +
         std::to_string((numbers ? seen_numbers_ : seen_text_).count) + " values of the column are" +
         (numbers ? "" : " text") + "; a column of text that looks like numbers must be named categorical");
  }
  void sort_categories(CsvColumn& column) {
    std::vector<std::string_view> names(code_of_.size());
    for (const auto& [text, code] : code_of_) names[static_cast<std::size_t>(code)] = text;
    std::vector<std::int32_t> order(names.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) {
      return names[static_cast<std::size_t>(a)] < names[static_cast<std::size_t>(b)];
    });
    std::vector<std::int32_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      place[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
      column.categories.emplace_back(names[static_cast<std::size_t>(order[i])]);
    }
    for (auto& code : codes_)
      if (code >= 0) code = place[static_cast<std::size_t>(code)];
    column.codes = std::move(codes_);
  }

  std::string name_;
  bool declared_;
  Kind kind_ = Kind::kUndecided;
  bool integral_ = true;
  std::size_t missing_ = 0;
  std::vector<double> numbers_;
  std::vector<std::int32_t> codes_;
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> code_of_;
  Seen seen_numbers_, seen_text_;
};

// Feeds libcsv a line at a time, for it does not say where it is.
class TableReader {
 public:
  TableReader(std::string name, const CsvOptions& options) : options_(options) {
    table_.name = std::move(name);
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(options.separator));
  }
  ~TableReader() { csv_free(&parser_); }
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  void feed(std::string_view block) {
    if (line_ == 1 && !begun_ && block.starts_with("\xEF\xBB\xBF")) block.remove_prefix(3);
    begun_ = true;
    while (!block.empty()) {
      const auto end = block.find('\n');
      const auto piece = block.substr(0, end == std::string_view::npos ? block.size() : end + 1);
      feed_piece(piece);
      block.remove_prefix(piece.size());
    }
  }

  CsvTable finish() {
    csv_fini(&parser_, on_field, on_row, this);
    rethrow();
    check_parser(csv_error(&parser_) == CSV_SUCCESS);
    if (!header_done_) fail(table_.name + ": is empty; expected a line of column names");
    if (table_.lines.empty()) fail(table_.name + ": has column names but no rows");
    for (auto& builder : builders_)
      if (builder != nullptr) table_.columns.push_back(builder->finish(table_.name));
    return std::move(table_);
  }

 private:
  void feed_piece(std::string_view piece) {
    if (line_begins_ && !in_row_) row_line_ = line_;
    if (line_begins_) row_ended_ = false;
    const bool ends = piece.back() == '\n';
    const std::size_t done = csv_parse(&parser_, piece.data(), piece.size(), on_field, on_row, this);
    rethrow();
    check_parser(done == piece.size());
    // Text that has ended no row yet: a quoted field goes over the line's end.
    if (!row_ended_ && piece.find_first_not_of(" \t\r\n") != std::string_view::npos) in_row_ = true;
    line_begins_ = ends;
    if (ends) ++line_;
  }
  void rethrow() {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
  }
  void check_parser(bool fine) {
    if (fine) return;
    const int error = csv_error(&parser_);
    if (error == CSV_ENOMEM || error == CSV_ETOOBIG) throw std::bad_alloc();
    fail(table_.name + ":" + std::to_string(row_line_) +
         ": a broken quotation; a field with quotes, separators or line ends must be quoted, quotes inside "
         "it doubled");
  }

  // No exception may pass through libcsv.
  static void on_field(void* text, std::size_t size, void* self) {
    auto& reader = *static_cast<TableReader*>(self);
    reader.guard([&] { reader.add_field({static_cast<const char*>(text), size}); });
  }
  static void on_row(int /*terminator*/, void* self) {
    auto& reader = *static_cast<TableReader*>(self);
    reader.guard([&] { reader.end_row(); });
  }
  template <class F>
  void guard(F f) noexcept {
    if (failure_ != nullptr) return;
    try {
      f();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void add_field(std::string_view text) {
    in_row_ = true;
    if (!header_done_) {
      names_.emplace_back(trim(text));
      return;
    }
    if (field_ < builders_.size() && builders_[field_] != nullptr) add_value(*builders_[field_], text);
    ++field_;
  }
  void add_value(ColumnBuilder& builder, std::string_view text) const {
    try {
      builder.add(text, row_line_);
    } catch (const Error& error) {
      fail(place_of(table_.name, row_line_, builder.name()) + error.what());
    }
  }
  void end_row() {
    in_row_ = false;
    row_ended_ = true;
    if (!header_done_) {
      begin_columns();
      header_done_ = true;
      return;
    }
    if (field_ != names_.size()) fail_count();
    table_.lines.push_back(row_line_);
    field_ = 0;
    row_line_ = line_;  // of a further row in one piece (lines that end in '\r' alone)
  }
  [[noreturn]] void fail_count() const {
    const std::string at = field_ < names_.size() ? "column '" + names_[field_] + "': " : "";
    fail(table_.name + ":" + std::to_string(row_line_) + ": " + at + "the row has " + std::to_string(field_) +
         " fields; expected " + std::to_string(names_.size()) + " as in the first line");
  }
  void begin_columns() {
    auto sorted = names_;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail(place_of(table_.name, row_line_, *twice) + "two columns have this name");
    check_names(options_.include);
    check_names(options_.exclude);
    check_names(options_.categorical);
    const auto has = [](const std::vector<std::string>& list, const std::string& name) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    for (const auto& name : names_) {
      const bool wanted =
          (options_.include.empty() || has(options_.include, name)) && !has(options_.exclude, name);
      builders_.push_back(wanted ? std::make_unique<ColumnBuilder>(name, has(options_.categorical, name))
                                 : nullptr);
    }
  }
  void check_names(const std::vector<std::string>& wanted) const {
    if (options_.allow_absent) return;
    for (const auto& name : wanted) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
        fail(table_.name + ":" + std::to_string(row_line_) + ": there is no column '" + name + "'" +
             did_you_mean(name, names_));
      }
    }
  }

  const CsvOptions& options_;
  csv_parser parser_{};
  CsvTable table_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ColumnBuilder>> builders_;  // one a name; null: not wanted
  bool begun_ = false, header_done_ = false;
  bool line_begins_ = true, in_row_ = false, row_ended_ = false;
  std::int64_t line_ = 1, row_line_ = 1;
  std::size_t field_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

const CsvColumn* CsvTable::find_column(std::string_view column) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == column; });
  return found == columns.end() ? nullptr : &*found;
}

const CsvColumn& CsvTable::get_column(std::string_view column) const {
  if (const auto* found = find_column(column)) return *found;
  std::vector<std::string> names;
  for (const auto& c : columns) names.push_back(c.name);
  fail(name + ": there is no column '" + std::string(column) + "'" + did_you_mean(column, names));
}

std::string CsvTable::place(std::int64_t row, std::string_view column) const {
  return place_of(name, lines.at(static_cast<std::size_t>(row)), column);
}

CsvTable parse_csv(std::string_view bytes, std::string_view name, const CsvOptions& options) {
  TableReader reader(std::string(name), options);
  reader.feed(bytes);
  return reader.finish();
}

CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  constexpr std::size_t kBlock = std::size_t{1} << 20U;
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, path.string() + ": there is no such file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(ErrorCode::kIo, path.string() + ": cannot be opened");
  TableReader reader(path.string(), options);
  std::string block(kBlock, '\0');
  do {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    if (stream.bad() || (stream.fail() && !stream.eof()))
      throw Error(ErrorCode::kIo, path.string() + ": cannot be read");
    reader.feed(std::string_view(block).substr(0, static_cast<std::size_t>(stream.gcount())));
  } while (stream);
  return reader.finish();
}

}  // namespace ivory
