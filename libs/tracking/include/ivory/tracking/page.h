// One page of a listing.
#pragma once
#include <string>
#include <vector>

namespace ivory::tracking {

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // empty on the last page
};

}  // namespace ivory::tracking
