// Arrays as tensors and back, without copying.
#pragma once
#include <ivory/data/array.h>
#include <ivory/torch/torch.h>

namespace ivory::nn {

// A tensor of the CPU over the array's memory, which it keeps alive. Do not write into it: the array may be
// shared.
[[nodiscard]] torch::Tensor to_tensor(const Array& array);

// The tensor's numbers: shared if it lies dense on the CPU and its type is one of Array's, else copied.
// Half precision becomes float32; gradients are left behind.
// Errors: kUnsupported for types that an Array cannot hold (complex numbers, quantized ones).
[[nodiscard]] Array to_array(const torch::Tensor& tensor);

}  // namespace ivory::nn
