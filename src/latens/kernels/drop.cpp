// Dropout, with the ReLU before it, over float32 or bfloat16 numbers in any order.
//
// torch draws a number for each place, multiplies twice and keeps the mask. Here a place is kept or
// not by a hash of its number and the seed, so that nothing is stored: the way back asks again, or
// after a ReLU sees from the output what came through.
#include "common.h"

namespace latens {
namespace {

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: seeds that are near
// to each other become keys that are not.
uint64_t key(int64_t seed) {
  uint64_t k = static_cast<uint64_t>(seed) + 0x9e3779b97f4a7c15u;
  k = (k ^ (k >> 30)) * 0xbf58476d1ce4e5b9u;
  k = (k ^ (k >> 27)) * 0x94d049bb133111ebu;
  return k ^ (k >> 31);
}

struct Drop {
  uint32_t low, high, bound;  // the key's halves; a place is kept if its hash is below the bound
  float scale;

  Drop(int64_t seed, double rate)
      : low(static_cast<uint32_t>(key(seed))),
        high(static_cast<uint32_t>(key(seed) >> 32)),
        bound(static_cast<uint32_t>(std::min((1 - rate) * 4294967296.0, 4294967295.0))),
        scale(static_cast<float>(1 / (1 - rate))) {}

  // The finaliser of Wellons, "Prospecting for hash functions", 2018, with the key in two places.
  bool keeps(int64_t place) const {
    uint32_t h = static_cast<uint32_t>(place) * 0x9e3779b1u + low;
    h = (h ^ (h >> 16)) * 0x7feb352du + high;
    h = (h ^ (h >> 15)) * 0x846ca68bu;
    return (h ^ (h >> 16)) < bound;
  }
};

template <class T, bool relu>
void forward(const Tensor& x_, const Drop drop, const Tensor& y_) {
  const T* x = in<T>(x_);
  T* y = out<T>(y_);
  const float low = relu ? 0 : -INFINITY;
  Chunks(x_.numel(), 1).each([=](int64_t, int64_t a, int64_t b) {
#pragma GCC ivdep
    for (int64_t i = a; i < b; ++i) {
      const float v = x[i] * drop.scale, z = v < low ? low : v;  // a NaN that is kept stays one
      y[i] = drop.keeps(i) ? z : 0;
    }
  });
}

template <class T, bool relu>
void backward(const Tensor& dy_, const Tensor& y_, const Drop drop, const Tensor& dx_) {
  const T *dy = in<T>(dy_), *y = in<T>(y_);
  T* dx = out<T>(dx_);
  Chunks(dy_.numel(), 1).each([=](int64_t, int64_t a, int64_t b) {
#pragma GCC ivdep
    for (int64_t i = a; i < b; ++i) {
      const float up = dy[i] * drop.scale, seen = y[i];
      const bool none = relu ? seen <= 0 : !drop.keeps(i);
      dx[i] = none ? 0 : up;
    }
  });
}

void dropout(const Tensor& x, int64_t seed, double rate, bool relu, Tensor y) {
  const auto of_bfloat16 = relu ? forward<BFloat16, true> : forward<BFloat16, false>;
  const auto of_float = relu ? forward<float, true> : forward<float, false>;
  (is_bfloat16(x) ? of_bfloat16 : of_float)(x, Drop(seed, rate), y);
}

void dropout_backward(const Tensor& dy, const Tensor& y, int64_t seed, double rate, bool relu,
                      Tensor dx) {
  const auto of_bfloat16 = relu ? backward<BFloat16, true> : backward<BFloat16, false>;
  const auto of_float = relu ? backward<float, true> : backward<float, false>;
  (is_bfloat16(y) ? of_bfloat16 : of_float)(dy, y, Drop(seed, rate), dx);
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def("dropout(Tensor x, int seed, float rate, bool relu, Tensor(a!) y) -> ()");
  m.def(
      "dropout_backward(Tensor dy, Tensor y, int seed, float rate, bool relu, Tensor(a!) dx)"
      " -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("dropout", TORCH_BOX(&latens::dropout));
  m.impl("dropout_backward", TORCH_BOX(&latens::dropout_backward));
}
