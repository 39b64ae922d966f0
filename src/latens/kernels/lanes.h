// Sixteen channels of a map at a time.
#pragma once

#include "common.h"

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace latens {

constexpr int64_t kLanes = 16;
// Any compiler that knows this type cuts it into the vectors that the processor has.
typedef float Lanes __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

// Compilers stop inlining where a file has much to inline, and these loops took ten times as long.
#define LATENS_INLINE __attribute__((always_inline))

inline Lanes load(const float* p) { return *reinterpret_cast<const Lanes*>(p); }
inline void store(float* p, Lanes v) { *reinterpret_cast<Lanes*>(p) = v; }

typedef uint16_t Halves __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));

inline Lanes load(const BFloat16* p) {
  return (Lanes)(__builtin_convertvector(*reinterpret_cast<const Halves*>(p), Bits) << 16);
}

inline void store(BFloat16* p, Lanes v) {  // rounded as a single one is
  const Bits all = (Bits)v, rounded = (all + 0x7fff + ((all >> 16) & 1)) >> 16;
  const Bits bits = v != v ? Bits() + 0x7fc0 : rounded;
  *reinterpret_cast<Halves*>(p) = __builtin_convertvector(bits, Halves);
}

// The same for V, which is Lanes or a single float.
template <class V, class T>
LATENS_INLINE inline V get(const T* p) {
  if constexpr (std::is_same_v<V, Lanes>) return load(p);
  else return *p;
}

template <class V, class T>
LATENS_INLINE inline void put(T* p, V v) {
  if constexpr (std::is_same_v<V, Lanes>) store(p, v);
  else *p = v;
}

// body<V>(c) for channels from c on: sixteen as long as there are so many, then each alone.
template <class Body>
LATENS_INLINE inline void each_channel(int64_t count, Body body) {
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) body.template operator()<Lanes>(c);
  for (; c < count; ++c) body.template operator()<float>(c);
}

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
