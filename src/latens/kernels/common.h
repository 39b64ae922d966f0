// What the kernels share. Only torch's stable headers are included: they are few, so that a build
// takes seconds, and they promise that a library built for one version loads in the next.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace latens {

using torch::stable::Tensor;
using std::int64_t;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// A bfloat16 as it lies in memory: the upper half of a float32, which all arithmetic is done in.
// Rounded to the nearest, and to even between two, as in torch; so written that loops of it become
// vector instructions.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  BFloat16(float value) {
    uint32_t all;
    std::memcpy(&all, &value, sizeof all);
    const uint32_t rounded = (all + 0x7fff + ((all >> 16) & 1)) >> 16;
    bits = static_cast<uint16_t>(value != value ? 0x7fc0 : rounded);
  }
  operator float() const {
    const uint32_t all = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &all, sizeof value);
    return value;
  }
};

// What torch calls the numbers of a map. Asking for a tensor's data by it raises where the tensor
// has others, before anything is read. Each question costs some calls into torch: ask outside loops.
template <class T> struct Named { using Type = T; };
template <> struct Named<BFloat16> { using Type = torch::headeronly::BFloat16; };

template <class T = float>
const T* in(const Tensor& t) {
  return reinterpret_cast<const T*>(t.const_data_ptr<typename Named<T>::Type>());
}

template <class T = float>
T* out(const Tensor& t) {
  return reinterpret_cast<T*>(t.mutable_data_ptr<typename Named<T>::Type>());
}

inline bool is_bfloat16(const Tensor& t) {
  return t.scalar_type() == torch::headeronly::ScalarType::BFloat16;
}

// work(next) on each of torch's threads, where next() gives pieces of work from 0 to `count`, each to
// one thread, and then `count`. A thread has a part of its own, some of which its processor's cache
// may hold from the kernel before, and begins with the last of it where `last_first`. Having done
// it, it helps the others: waiting for each other had been 6 % of a training step.
template <class Work>
inline void together(int64_t count, const Work& work, bool last_first = false) {
  struct alignas(64) Part {
    int64_t begin, end;
    std::atomic<int64_t> next;
  };
  const int64_t threads = std::min<int64_t>(count, torch::stable::get_num_threads());
  std::vector<Part> parts(threads);
  for (int64_t t = 0; t < threads; ++t)
    parts[t].begin = parts[t].next = t * count / threads, parts[t].end = (t + 1) * count / threads;
  torch::stable::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t mine = begin; mine < end; ++mine)
      work([&, at = mine]() mutable {
        for (; at < mine + threads; ++at) {
          Part& part = parts[at % threads];
          const int64_t piece = part.next.fetch_add(1, std::memory_order_relaxed);
          if (piece < part.end) return last_first ? part.begin + part.end - 1 - piece : piece;
        }
        return count;
      });
  });
}

// A map [N, C, H, W] with the channels last: a matrix of N*H*W places, each a row of C numbers.
struct Map {
  int64_t images, channels, height, width;

  explicit Map(const Tensor& t)
      : images(t.size(0)), channels(t.size(1)), height(t.size(2)), width(t.size(3)) {}
  int64_t line() const { return width * channels; }
  int64_t image() const { return height * line(); }
  int64_t places() const { return images * height * width; }
};

// A chunk of this many floats fits into the second cache of any processor of the last ten years,
// and is long enough that starting it costs nothing. An eighth of it is worth it where a map would
// have only few: threads that take four and three of seven wait for each other.
constexpr int64_t kChunk = 1 << 15, kMany = 32;

// Work that is cut by the size of the data and never by the number of threads: each chunk has its
// own sums, and they are added in order, so that the same input gives the same bits anywhere.
struct Chunks {
  int64_t length, step, count;

  // `length` units of `floats` each; a chunk holds a multiple of `whole` units.
  Chunks(int64_t length_, int64_t floats, int64_t whole = 1) : length(length_) {
    const int64_t some = std::clamp(length * floats / kMany, kChunk / 8, kChunk);
    step = std::max<int64_t>(1, some / (floats * whole)) * whole;
    count = (length + step - 1) / step;
  }

  // body(chunk, first unit, last unit + 1), on torch's own threads. Backwards where `last_first`:
  // a second pass begins with what the first has left in the cache.
  template <class Body>
  void each(const Body& body, bool last_first = false) const {
    together(count, [&](auto next) {
      for (int64_t i = next(); i < count; i = next())
        body(i, i * step, std::min(length, (i + 1) * step));
    }, last_first);
  }
};

// body(j, i) for each place i in memory from `begin` to `end`; j counts up to `width` again and
// again. Sums are kept for each j, so that the loop needs no order and fills the vector units. The
// body comes by value: behind a reference, its own numbers would be loaded again after each store.
template <class Body>
inline void along(int64_t width, int64_t begin, int64_t end, Body body) {
  for (int64_t i = begin; i < end; i += width) {
    const int64_t some = std::min(width, end - i);
#pragma GCC ivdep
    for (int64_t j = 0; j < some; ++j) body(j, i + j);
  }
}

}  // namespace latens
