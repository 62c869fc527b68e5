// YAML to Params, from the events of yaml-cpp's parser: it has no recursion of ours, and depth and size are
// bounded while they grow.
#include <sstream>
#include <unordered_map>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/range.h>
#include <ivory/base/utf8.h>
#include <ivory/yaml/yaml.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace ivory {
namespace {

constexpr std::size_t kDeepest = 200;
constexpr std::size_t kMostAliased = 1'000'000;
constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

[[noreturn]] void refuse(const std::string& file, int line, int column, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument,
              file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message);
}

std::string quote(const std::string& text) { return "'" + text + "'"; }

// A finished value with what bounds need: its nodes and its levels (0 for a scalar).
struct Part {
  Params value;
  std::size_t nodes = 1;
  std::size_t levels = 0;
};

// A key as it is read: `<<` merges only when it is plain.
struct Key {
  std::string text;
  int line = 0;
  bool merges = false;
};

// A list or map that is still open.
struct Open {
  Part part;
  YAML::anchor_t anchor = 0;
  std::unordered_map<std::string, int> lines;           // of the keys written here
  std::unordered_map<std::string, std::size_t> places;  // of all keys, merged ones too
  Key key;
  bool has_key = false;
};

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& file) : file_(std::make_shared<const std::string>(file)) {}

  [[nodiscard]] Params take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) fail(mark, "a second document begins; one is expected");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) fail(mark, "a key is null or missing; quote it if it is meant as a text");
    finish({source(Params(), mark)}, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (!wants_key()) return finish({source(resolve(mark, tag, text), mark)}, anchor);
    if (anchor != 0) remember(anchor, {source(Params(text), mark)});
    take_key(mark, {text, mark.line + 1, tag == "?" && text == "<<"});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) fail(mark, "an alias stands inside of what it names");
    const auto& part = found->second;
    if (wants_key()) {
      if (!part.value.is_string()) fail(mark, "a key must be a scalar");
      return take_key(mark, {part.value.as_string(), mark.line + 1, false});
    }
    aliased_ += part.nodes;
    if (aliased_ > kMostAliased) fail(mark, "the aliases expand to more than a million values");
    check_depth(mark, open_.size() + part.levels);
    finish(part, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    check_container_tag(mark, tag, "seq");
    open(mark, anchor, Params::list());
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check_container_tag(mark, tag, "map");
    open(mark, anchor, Params::map());
  }
  void OnMapEnd() override { close(); }

 private:
  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    refuse(*file_, mark.line + 1, mark.column + 1, message);
  }

  void check_depth(const YAML::Mark& mark, std::size_t depth) const {
    if (depth > kDeepest) fail(mark, "nested deeper than " + std::to_string(kDeepest));
  }

  Params source(Params value, const YAML::Mark& mark) const {
    value.set_source(file_, mark.line + 1);
    return value;
  }

  void check_container_tag(const YAML::Mark& mark, const std::string& tag, std::string_view name) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag == std::string(kCoreTag) + std::string(name)) return;
    fail(mark, "the tag " + quote(tag) + " is not known here");
  }

  // Tag "?" is a plain scalar, "!" a quoted one.
  Params resolve(const YAML::Mark& mark, const std::string& tag, const std::string& text) const {
    if (tag == "!" || tag == std::string(kCoreTag) + "str") return text;
    if (tag == "?" || tag.empty()) return parse_scalar(text);
    if (!tag.starts_with(kCoreTag)) fail(mark, "the tag " + quote(tag) + " is not known");
    auto value = parse_scalar(text);
    const auto kind = tag.substr(kCoreTag.size());
    if (kind == "float" && value.is_number()) return value.as_real();
    const bool fits = (kind == "int" && value.is_int()) || (kind == "bool" && value.is_bool()) ||
                      (kind == "null" && value.is_null());
    if (!fits) fail(mark, quote(text) + " does not fit the tag !!" + kind);
    return value;
  }

  [[nodiscard]] bool wants_key() const {
    return !open_.empty() && open_.back().part.value.is_map() && !open_.back().has_key;
  }

  void take_key(const YAML::Mark& mark, Key key) {
    auto& here = open_.back();
    const auto [first, fresh] = here.lines.emplace(key.text, key.line);
    if (!fresh) {
      fail(mark,
           "the key " + quote(key.text) + " is given twice, first on line " + std::to_string(first->second));
    }
    here.key = std::move(key);
    here.has_key = true;
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Params container) {
    if (wants_key()) fail(mark, "a key must be a scalar; is a bracket left open?");
    check_depth(mark, open_.size() + 1);
    auto& here = open_.emplace_back();
    here.part.value = source(std::move(container), mark);
    here.anchor = anchor;
  }

  void close() {
    auto here = std::move(open_.back());
    open_.pop_back();
    ++here.part.levels;
    finish(std::move(here.part), here.anchor);
  }

  void remember(YAML::anchor_t anchor, Part part) { anchored_[anchor] = std::move(part); }

  void finish(Part part, YAML::anchor_t anchor) {
    if (anchor != 0) remember(anchor, part);
    if (open_.empty()) {
      root_ = std::move(part.value);
      return;
    }
    auto& here = open_.back();
    here.part.nodes += part.nodes;
    here.part.levels = std::max(here.part.levels, part.levels);
    if (here.part.value.is_list()) return here.part.value.push_back(std::move(part.value));
    here.has_key = false;
    if (here.key.merges) return merge(here, part.value);
    part.value.set_source(file_, here.key.line);  // a misplaced value is found by its key
    put(here, here.key.text, std::move(part.value));
  }

  static void put(Open& here, const std::string& key, Params value) {
    auto& items = here.part.value.items();
    const auto [place, fresh] = here.places.emplace(key, items.size());
    if (fresh) {
      items.push_back({key, std::move(value)});
    } else {
      items[place->second].value = std::move(value);  // what was merged gives way
    }
  }

  // Keys that are there already stay: those written here, and those of an earlier map of the list.
  void merge_map(Open& here, const Params& map) const {
    for (const auto& [key, value] : map.items()) {
      if (!here.places.contains(key)) put(here, key, value);
    }
  }

  void merge(Open& here, const Params& value) const {
    const auto check = [&](const Params& map) {
      if (!map.is_map())
        refuse(*file_, here.key.line, 1,
               "'<<' merges a mapping or a list of mappings, found " +
                   std::string(Params::kind_name(map.kind())));
    };
    if (!value.is_list()) {
      check(value);
      return merge_map(here, value);
    }
    for (const auto& map : value.elements()) {
      check(map);
      merge_map(here, map);
    }
  }

  std::shared_ptr<const std::string> file_;
  Params root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Part> anchored_;
  std::size_t aliased_ = 0;
  int documents_ = 0;
};

// What YAML does not allow, and yaml-cpp would take for the end of the text or let pass.
void check_characters(std::string_view text, const std::string& file) {
  int line = 1;
  int column = 1;
  while (!text.empty()) {
    const auto c = decode_utf8(text);
    if (!c.valid) refuse(file, line, column, "not UTF-8");
    const bool control =
        (c.value < 0x20 && c.value != '\t' && c.value != '\n' && c.value != '\r') || c.value == 0x7F;
    if (control) refuse(file, line, column, "a control character (code " + std::to_string(c.value) + ")");
    ++column;
    if (c.value == '\n') {
      ++line;
      column = 1;
    }
    text.remove_prefix(c.bytes);
  }
}

// The end of a document made plain: without it, yaml-cpp closes a quoted text that is left open before the
// last line break.
std::string with_end(std::string_view text) {
  const auto end = text.find_last_not_of(" \t");
  const bool after_break = end != std::string_view::npos && text[end] == '\n';
  return after_break ? std::string(text.substr(0, end + 1)) + "...\n" : std::string(text);
}

std::string explain(const std::string& reason) {
  if (reason == "illegal document indicator in scalar") return "a quoted text is left open";
  return reason;
}

}  // namespace

Params parse_yaml(std::string_view text, const std::string& file) {
  check_characters(text, file);
  Builder builder(file);
  try {
    std::istringstream stream(with_end(text));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    refuse(file, error.mark.line + 1, error.mark.column + 1, explain(error.msg));
  }
  return builder.take();
}

Params read_yaml(const std::filesystem::path& path) { return parse_yaml(read_file(path), path.string()); }

}  // namespace ivory
