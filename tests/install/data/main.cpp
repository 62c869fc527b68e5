// A program that only wants folds and files.
#include <cstdint>
#include <iostream>
#include <vector>

#include <ivory/data/folds.h>
#include <ivory/data/npy.h>

int main() {
  const ivory::Array labels = ivory::Array::from(std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 1});
  const ivory::Array folds = ivory::stratified_k_fold(labels, 2, {.seed = 1});
  const ivory::Array read = ivory::parse_npy(ivory::npy_bytes(folds), "folds.npy");
  std::cout << read.describe() << '\n';
  return read == folds && read.size() == 8 ? 0 : 1;
}
