// The loader's way of samples to batches against memcpy of as many bytes.
//
// Each time is of one epoch over 64 MiB of float32 samples, far beyond the caches; `bytes_per_second` are
// those of the inputs that arrive. `memcpy` copies them in one piece, `memcpy_rows` row by row in the
// shuffled order: what a gather could reach at best.
#include <benchmark/benchmark.h>
#include <ivory/base/rng.h>
#include <ivory/data/data_loaders.h>

#include <cstdlib>
#include <cstring>

namespace {

constexpr std::int64_t kBytes = std::int64_t{64} << 20U;

// Samples of `width` numbers, of which the first is the index.
class Samples : public ivory::Data {
 public:
  explicit Samples(std::int64_t width) : width_(width) {}

 protected:
  void init() override {
    const std::int64_t rows = kBytes / 4 / width_ + 1;
    input = ivory::Array::zeros(ivory::Dtype::kFloat32, {rows, width_});
    const auto values = input.mutable_view<float>();
    for (std::int64_t row = 0; row < rows; ++row)
      values[static_cast<std::size_t>(row * width_)] = static_cast<float>(row % 1000);
    target = ivory::Array::arange(rows);
    fold = ivory::Array::zeros(ivory::Dtype::kInt64, {rows});
    fold.mutable_view<std::int64_t>()[0] = 1;  // something to validate
  }

 private:
  std::int64_t width_;
};

std::shared_ptr<const ivory::Dataset> training(std::int64_t width) {
  return std::make_shared<const ivory::Dataset>(std::make_shared<Samples>(width), "train", 1);
}

void require(bool holds, const char* what) {  // a fast wrong answer is not a result
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void report(benchmark::State& state, const ivory::Dataset& dataset) {
  state.SetBytesProcessed(state.iterations() * dataset.size() *
                          static_cast<std::int64_t>(dataset.data().input.row_bytes()));
}

void memcpy_whole(benchmark::State& state) {
  const auto dataset = training(state.range(0));
  const ivory::Array& input = dataset->data().input;
  std::vector<std::byte> out(input.bytes());
  for (auto _ : state) {
    std::memcpy(out.data(), input.data(), input.bytes());
    benchmark::ClobberMemory();
  }
  report(state, *dataset);
}

void memcpy_rows(benchmark::State& state) {
  const auto dataset = training(state.range(0));
  const ivory::Array& input = dataset->data().input;
  const std::size_t row = input.row_bytes();
  std::vector<std::int64_t> order(dataset->rows().begin(), dataset->rows().end());
  ivory::Rng({.seed = 1, .purpose = "shuffle"}).shuffle(order);
  std::vector<std::byte> out(128 * row);
  for (auto _ : state) {
    for (std::size_t i = 0; i < order.size(); ++i)
      std::memcpy(out.data() + i % 128 * row, input.data() + static_cast<std::size_t>(order[i]) * row, row);
    benchmark::ClobberMemory();
  }
  report(state, *dataset);
}

// The array's gather alone, in batches.
void take(benchmark::State& state) {
  const auto dataset = training(state.range(0));
  const ivory::Array& input = dataset->data().input;
  std::vector<std::int64_t> order(dataset->rows().begin(), dataset->rows().end());
  ivory::Rng({.seed = 1, .purpose = "shuffle"}).shuffle(order);
  ivory::Array out;
  for (auto _ : state)
    for (std::size_t i = 0; i < order.size(); i += 128) {
      input.take(std::span(order).subspan(i, std::min<std::size_t>(128, order.size() - i)), out);
      benchmark::DoNotOptimize(out.data());
    }
  report(state, *dataset);
}

// The whole loader: order of the epoch, index, input and target of each batch.
void loader(benchmark::State& state, bool shuffle, int prefetch) {
  const auto dataset = training(state.range(0));
  ivory::DataLoader loader(dataset, {.batch_size = 128, .shuffle = shuffle, .prefetch = prefetch, .seed = 1});
  for (auto _ : state) {
    std::int64_t samples = 0;
    while (const ivory::Batch* batch = loader.next()) {
      const auto index = batch->index.view<std::int64_t>();
      require(batch->input.view<float>()[0] == static_cast<float>(index[0] % 1000),
              "a batch holds another sample than its index says");
      samples += batch->rows();
    }
    require(samples == dataset->size(), "an epoch has not all samples");
  }
  report(state, *dataset);
}

#define IVORY_WIDTHS ArgName("width")->Arg(8)->Arg(64)->Arg(784)->UseRealTime()->Unit(benchmark::kMillisecond)
BENCHMARK(memcpy_whole)->IVORY_WIDTHS;
BENCHMARK(memcpy_rows)->IVORY_WIDTHS;
BENCHMARK(take)->IVORY_WIDTHS;
BENCHMARK_CAPTURE(loader, in_order, false, 0)->IVORY_WIDTHS;
BENCHMARK_CAPTURE(loader, shuffled, true, 0)->IVORY_WIDTHS;
BENCHMARK_CAPTURE(loader, shuffled_prefetch_2, true, 2)->IVORY_WIDTHS;

}  // namespace
