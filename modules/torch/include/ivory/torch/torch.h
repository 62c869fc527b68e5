// libtorch, in the order that every compiler takes. Include this, never <torch/torch.h> itself.
#pragma once
// First: clang refuses c10::IValue as an incomplete type in C++20 otherwise.
#include <ATen/core/ivalue.h>

#include <torch/torch.h>

#include <vector>

namespace ivory::nn {

// What an optimizer changes: tensors shared with a model.
using Parameters = std::vector<torch::Tensor>;

}  // namespace ivory::nn
