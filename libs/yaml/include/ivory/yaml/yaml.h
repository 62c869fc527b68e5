// Params from and to YAML, with the line of every node.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include <ivory/base/params.h>

namespace ivory {

// Reads one YAML document. Scalars follow YAML 1.2's core schema (`1e-3` is a real, `0o17` an integer, `yes`
// a text; a quoted scalar is always a text); `<<` merge keys and anchors are applied; every node keeps `file`
// and its line (the value of a key: the line of the key; the inside of an alias: where it was written). What
// `<<` brings stands where the `<<` stands and gives way to keys written beside it. An empty document is a
// null. Errors: kInvalidArgument "file:line:column: …" for broken syntax, a key given twice, a key that is
// not a scalar or is null, a tag other than the core schema's, a control character, text that is not UTF-8,
// several documents, nesting deeper than 200 or aliases that would expand to more than a million nodes.
[[nodiscard]] Params parse_yaml(std::string_view text, const std::string& file = "<text>");

// The same for a file. Errors: kNotFound if it does not exist, kIo if it cannot be read.
[[nodiscard]] Params read_yaml(const std::filesystem::path& path);

// YAML that reads back as an equal tree: block style for maps and for lists that hold maps or lists, flow
// style for lists of scalars; strings that would read as something else (by YAML 1.1 too) are quoted; reals
// keep all their digits. Errors: kInvalidArgument for a text that is not UTF-8.
[[nodiscard]] std::string to_yaml(const Params& params);

}  // namespace ivory
