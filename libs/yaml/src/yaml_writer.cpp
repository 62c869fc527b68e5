// Params to YAML. Written by hand: yaml-cpp's emitter drops quotes that keep a text a text.
#include <algorithm>

#include <ivory/base/error.h>
#include <ivory/base/utf8.h>
#include <ivory/yaml/yaml.h>

namespace ivory {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kLongestKey = 1000;  // YAML allows 1024 characters before a ':' on the same line

void check_utf8(const Params& node, const std::string& text) {
  if (find_invalid_utf8(text) == std::string::npos) return;
  throw Error(ErrorCode::kInvalidArgument,
              at_place(node, "a text that is not UTF-8 cannot be written as YAML"));
}

bool is_flow(const Params& value) {
  if (value.is_scalar() || value.empty()) return true;
  const auto& is_scalar = [](const Params& element) { return element.is_scalar(); };
  return value.is_list() && std::all_of(value.elements().begin(), value.elements().end(), is_scalar);
}

class Writer {
 public:
  [[nodiscard]] std::string take() { return std::move(text_); }

  // A whole value; the cursor stands where its first line begins, `indent` is where its further lines do.
  void write(const Params& value, std::size_t indent) {
    if (is_flow(value)) {
      write_flow(value);
      text_ += '\n';
    } else if (value.is_list()) {
      write_list(value, indent);
    } else {
      write_map(value, indent);
    }
  }

 private:
  void write_scalar(const Params& scalar) {
    if (scalar.is_string()) check_utf8(scalar, scalar.as_string());
    text_ += scalar_to_yaml(scalar);
  }

  void write_flow(const Params& value) {
    if (value.is_scalar()) return write_scalar(value);
    if (value.is_map()) {
      text_ += "{}";
      return;
    }
    text_ += '[';
    const char* separator = "";
    for (const auto& element : value.elements()) {
      text_ += separator;
      write_scalar(element);
      separator = ", ";
    }
    text_ += ']';
  }

  void begin_line(std::size_t indent, bool first) {
    if (!first) text_.append(indent, ' ');
  }

  void write_list(const Params& list, std::size_t indent) {
    bool first = true;
    for (const auto& element : list.elements()) {
      begin_line(indent, first);
      text_ += "- ";
      write(element, indent + kIndent);
      first = false;
    }
  }

  void write_map(const Params& map, std::size_t indent) {
    bool first = true;
    for (const auto& [key, value] : map.items()) {
      begin_line(indent, first);
      write_key(value, key, indent);
      write_value(value, indent);
      first = false;
    }
  }

  void write_key(const Params& value, const std::string& key, std::size_t indent) {
    check_utf8(value, key);
    const auto text = scalar_to_yaml(key);
    if (text.size() <= kLongestKey) {
      text_ += text + ":";
      return;
    }
    text_ += "? " + text + "\n";
    begin_line(indent, false);
    text_ += ":";
  }

  void write_value(const Params& value, std::size_t indent) {
    if (is_flow(value)) {
      text_ += ' ';
    } else {
      text_ += '\n';
      text_.append(indent + kIndent, ' ');
    }
    write(value, indent + kIndent);
  }

  std::string text_;
};

}  // namespace

std::string to_yaml(const Params& params) {
  Writer writer;
  writer.write(params, 0);
  return writer.take();
}

}  // namespace ivory
