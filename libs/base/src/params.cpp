#include <ivory/base/params.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <variant>

#include <ivory/base/error.h>

namespace ivory {

struct Params::Node {
  // In the order of Kind.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> value;
  std::shared_ptr<const std::string> file;
  int line = 0;
};

namespace {

constinit const Params::List kNoElements;
constinit const Params::Map kNoItems;

[[noreturn]] void refuse(const Params& node, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, at_place(node, message));
}

bool is_pair(const Params& value) { return value.is_list() && value.size() == 2 && value.at(0).is_string(); }

Params::Map to_items(std::initializer_list<Params> pairs) {
  Params::Map items;
  items.reserve(pairs.size());
  for (const auto& pair : pairs) {
    const auto& key = pair.at(0).as_string();
    const auto same = [&](const ParamsItem& item) { return item.key == key; };
    if (std::any_of(items.begin(), items.end(), same)) refuse(pair, "the key '" + key + "' is given twice");
    items.push_back({key, pair.at(1)});
  }
  return items;
}

// What was found, short enough for a message.
std::string describe(const Params& value) {
  std::string name(Params::kind_name(value.kind()));
  if (value.is_null()) return name;
  constexpr std::size_t kLongest = 40;
  auto text = value.to_text();
  if (value.is_string()) text = "'" + text + "'";
  if (text.size() > kLongest) {
    auto end = kLongest;  // not inside a character of several bytes
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end) + "…";
  }
  return name + " (" + text + ")";
}

bool equal_reals(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

Params::Params() noexcept = default;
Params::Params(const char* text) : Params(std::string(text)) {}
Params::Params(std::string_view text) : Params(std::string(text)) {}
Params::Params(std::string text) { node().value = std::move(text); }
Params::Params(std::initializer_list<Params> values) {
  if (values.size() > 0 && std::all_of(values.begin(), values.end(), is_pair)) {
    node().value = to_items(values);
  } else {
    node().value = List(values);
  }
}

Params::Params(const Params& other) : node_(other.node_ ? std::make_unique<Node>(*other.node_) : nullptr) {}
Params::Params(Params&& other) noexcept = default;
Params& Params::operator=(const Params& other) {
  // A copy first: `other` may be a part of this very tree.
  node_ = other.node_ ? std::make_unique<Node>(*other.node_) : nullptr;
  return *this;
}
Params& Params::operator=(Params&& other) noexcept = default;
Params::~Params() = default;

Params Params::list(List values) {
  Params made;
  made.node().value = std::move(values);
  return made;
}

Params Params::map() {
  Params made;
  made.node().value = Map();
  return made;
}

Params Params::make_bool(bool value) {
  Params made;
  made.node().value = value;
  return made;
}

Params Params::make_int(std::int64_t value) {
  Params made;
  made.node().value = value;
  return made;
}

Params Params::make_unsigned(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Error(ErrorCode::kInvalidArgument, "the integer " + std::to_string(value) +
                                                 " is too large: at most 9223372036854775807 is possible");
  }
  return make_int(static_cast<std::int64_t>(value));
}

Params Params::make_real(double value) {
  Params made;
  made.node().value = value;
  return made;
}

Params::Node& Params::node() {
  if (!node_) node_ = std::make_unique<Node>();
  return *node_;
}

void Params::fail_kind(std::string_view expected) const {
  refuse(*this, "expected " + std::string(expected) + ", found " + describe(*this));
}

Params::Kind Params::kind() const noexcept {
  return node_ ? static_cast<Kind>(node_->value.index()) : Kind::kNull;
}

bool Params::as_bool() const {
  if (!is_bool()) fail_kind("true or false");
  return std::get<bool>(node_->value);
}

std::int64_t Params::as_int() const {
  if (!is_int()) fail_kind("an integer");
  return std::get<std::int64_t>(node_->value);
}

double Params::as_real() const {
  if (is_int()) return static_cast<double>(std::get<std::int64_t>(node_->value));
  if (!is_real()) fail_kind("a number");
  return std::get<double>(node_->value);
}

const std::string& Params::as_string() const {
  if (!is_string()) fail_kind("a text");
  return std::get<std::string>(node_->value);
}

std::size_t Params::size() const {
  if (is_null()) return 0;
  if (is_list()) return std::get<List>(node_->value).size();
  if (is_map()) return std::get<Map>(node_->value).size();
  fail_kind("a list or a mapping");
}

const Params::List& Params::elements() const {
  if (is_null()) return kNoElements;
  if (!is_list()) fail_kind("a list");
  return std::get<List>(node_->value);
}

Params::List& Params::elements() {
  if (is_null()) node().value = List();
  if (!is_list()) fail_kind("a list");
  return std::get<List>(node_->value);
}

void Params::push_back(Params value) { elements().push_back(std::move(value)); }

const Params& Params::at(std::size_t index) const {
  const auto& all = elements();
  if (index < all.size()) return all[index];
  throw Error(ErrorCode::kNotFound, at_place(*this, "no element " + std::to_string(index) + " in a list of " +
                                                        std::to_string(all.size())));
}

Params& Params::at(std::size_t index) {
  return const_cast<Params&>(std::as_const(*this).at(index));  // NOLINT(*-const-cast): *this is not const
}

const Params::Map& Params::items() const {
  if (is_null()) return kNoItems;
  if (!is_map()) fail_kind("a mapping");
  return std::get<Map>(node_->value);
}

Params::Map& Params::items() {
  if (is_null()) node().value = Map();
  if (!is_map()) fail_kind("a mapping");
  return std::get<Map>(node_->value);
}

const Params* Params::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& item : items()) {
    if (item.key == key) return &item.value;
  }
  return nullptr;
}

Params* Params::find(std::string_view key) {
  return const_cast<Params*>(std::as_const(*this).find(key));  // NOLINT(*-const-cast): *this is not const
}

const Params& Params::at(std::string_view key) const {
  if (!is_null() && !is_map()) fail_kind("a mapping");
  if (const auto* found = find(key)) return *found;
  throw Error(ErrorCode::kNotFound,
              at_place(*this, "no key '" + std::string(key) + "'" + did_you_mean(key, keys())));
}

Params& Params::at(std::string_view key) {
  return const_cast<Params&>(std::as_const(*this).at(key));  // NOLINT(*-const-cast): *this is not const
}

Params& Params::operator[](std::string_view key) {
  auto& all = items();
  if (auto* found = find(key)) return *found;
  return all.emplace_back(ParamsItem{std::string(key), {}}).value;
}

bool Params::erase(std::string_view key) {
  if (!is_map()) return false;
  return std::erase_if(items(), [&](const ParamsItem& item) { return item.key == key; }) > 0;
}

std::vector<std::string> Params::keys() const {
  std::vector<std::string> names;
  names.reserve(size());
  for (const auto& item : items()) names.push_back(item.key);
  return names;
}

void Params::set_source(std::shared_ptr<const std::string> file, int line) {
  auto& here = node();
  here.file = std::move(file);
  here.line = line;
}

int Params::line() const noexcept { return node_ ? node_->line : 0; }

const std::string& Params::file() const noexcept {
  static const std::string kNoFile;  // inside: a static of another unit may ask early
  return node_ && node_->file ? *node_->file : kNoFile;
}

std::string Params::where() const {
  if (file().empty()) return line() > 0 ? "line " + std::to_string(line()) : std::string();
  return line() > 0 ? file() + ":" + std::to_string(line()) : file();
}

std::string_view Params::kind_name(Kind kind) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"null",   "a boolean", "an integer", "a real number",
                                                      "a text", "a list",    "a mapping"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool operator==(const Params& a, const Params& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_null()) return true;
  if (a.is_real()) return equal_reals(a.as_real(), b.as_real());
  return a.node_->value == b.node_->value;
}

std::string real_to_text(double value) {
  if (std::isnan(value)) return "nan";  // without the sign that to_chars would show
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), result.ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string at_place(const Params& node, std::string_view message) {
  const auto where = node.where();
  return where.empty() ? std::string(message) : where + ": " + std::string(message);
}

}  // namespace ivory
