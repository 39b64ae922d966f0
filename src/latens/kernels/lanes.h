// Sixteen channels of a map at a time.
#pragma once

#include "common.h"

#include <memory>
#include <new>
#include <utility>

namespace latens {

constexpr int64_t kLanes = 16;
// Any compiler that knows this type cuts it into the vectors that the processor has.
typedef float Lanes __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

// Compilers stop inlining where a file has much to inline, and these loops took ten times as long.
#define LATENS_INLINE __attribute__((always_inline))

inline Lanes load(const float* p) { return *reinterpret_cast<const Lanes*>(p); }
inline void store(float* p, Lanes v) { *reinterpret_cast<Lanes*>(p) = v; }

// Room for numbers, not set to anything, where no sixteen of them lie across two lines of the cache.
class Room {
  static constexpr std::align_val_t kLine{64};
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, kLine); }
  };
  std::unique_ptr<float, Free> numbers;

 public:
  explicit Room(int64_t count)
      : numbers(static_cast<float*>(::operator new[](count * sizeof(float), kLine))) {}
  float* at(int64_t i) const { return numbers.get() + i; }
};

// body(0) ... body(n - 1), written out: only then do compilers keep an array of sums in registers.
template <int n, class Body>
LATENS_INLINE inline void written_out(Body body) {
  [&]<int... i>(std::integer_sequence<int, i...>) LATENS_INLINE {
    (body(i), ...);
  }(std::make_integer_sequence<int, n>());
}

}  // namespace latens
