// What is written beside its place, and renamed to it when it is whole.
#pragma once
#include <filesystem>

namespace ivory {

// Where what is to become `target` is written first: a path beside it that no other call of any process
// gives. What a process that was killed leaves there is known by its name, and is among what
// remove_leftovers() (files.h) removes.
[[nodiscard]] std::filesystem::path aside_path(const std::filesystem::path& target);
// Whether the path is one of these.
[[nodiscard]] bool is_aside(const std::filesystem::path& path);
// As remove_leftovers(), in subfolders, too; links are not followed.
void remove_leftovers_below(const std::filesystem::path& folder);

}  // namespace ivory
