// One line of a convolution between a map of few channels and one of many.
#pragma once

#include "lanes.h"

namespace latens {
namespace {

// One image of the thin map, plane by plane, with a border of zeros: inner loops ask for no edges.
struct Planes {
  int64_t count, height, width;
  Floats values;

  Planes(const Map& thin, int64_t border)
      : count(thin.channels),
        height(thin.height + 2 * border),
        width(thin.width + 2 * border),
        values(count * height * width) {}

  void fill(const float* image, const Map& thin, int64_t border) {
    for (int64_t p = 0; p < count; ++p)
      for (int64_t h = 0; h < thin.height; ++h)
        for (int64_t w = 0; w < thin.width; ++w)
          values[(p * height + h + border) * width + w + border] =
              image[(h * thin.width + w) * count + p];
  }
  const float* at(int64_t p, int64_t h) const { return &values[(p * height + h) * width]; }
};

// Some numbers of the wide map as float32: where they lie, or a copy where they are bfloat16. The
// loops below keep a whole kernel in registers, which leaves none to convert with.
template <class T>
class AsFloats {
  Floats copy;

 public:
  explicit AsFloats(int64_t count) : copy(count) {}

  const float* read(const T* from) {
    convert(from, copy.data(), copy.size());
    return copy.data();
  }
  float* begin(T*) { return copy.data(); }
  void end(T* to) const { convert(copy.data(), to, copy.size()); }

 private:
  template <class From, class To>
  static void convert(const From* from, To* to, int64_t count) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  }
};

template <>
class AsFloats<float> {
 public:
  explicit AsFloats(int64_t) {}
  const float* read(const float* from) { return from; }
  float* begin(float* to) { return to; }
  void end(float*) const {}
};

// line[w][c] (+)= sum over a, b of plane[a][stride * w + b] * kernel[a][b][c], for one line of the
// wide map; from `plane` on lie the k rows of the thin one. Where `bias` is given the line begins
// with it, else with what it holds.
template <int k>
void spread_line(const float* plane, int64_t row, int64_t stride, const float* kernel,
                 const float* bias, float* line, int64_t width, int64_t C) {
  for (int64_t c = 0; c < C; c += kLanes) {
    Lanes weights[k * k];
    written_out<k * k>([&](int t) LATENS_INLINE { weights[t] = load(kernel + t * C + c); });
    for (int64_t w = 0; w < width; ++w) {
      Lanes sum = load(bias ? bias + c : line + w * C + c);
      written_out<k * k>(
          [&](int t) LATENS_INLINE { sum += plane[t / k * row + w * stride + t % k] * weights[t]; });
      store(line + w * C + c, sum);
    }
  }
}

// The same places: dkernel[a][b][c] += sum over w of plane[a][stride * w + b] * line[w][c].
template <int k>
void gather_line(const float* plane, int64_t row, int64_t stride, const float* line, float* dkernel,
                 int64_t width, int64_t C) {
  for (int64_t c = 0; c < C; c += kLanes) {
    Lanes sums[k * k] = {};
    for (int64_t w = 0; w < width; ++w) {
      __builtin_prefetch(line + (w + width) * C + c);  // of the next line: processors guess this badly
      const Lanes value = load(line + w * C + c);
      written_out<k * k>(
          [&](int t) LATENS_INLINE { sums[t] += plane[t / k * row + w * stride + t % k] * value; });
    }
    written_out<k * k>([&](int t) LATENS_INLINE {
      store(dkernel + t * C + c, load(dkernel + t * C + c) + sums[t]);
    });
  }
}

// The loops for a kernel of side k; `ops.py` lets no other through.
#define LATENS_FOR_SIDE(k, function) \
  (k == 1   ? function<1> \
   : k == 3 ? function<3> \
   : k == 4 ? function<4> \
   : k == 5 ? function<5> \
            : function<7>)

// The gradient of a kernel [P, k, k, C], gathered from images of both maps.
template <class T>
class KernelSums {
  const Map thin, wide;
  const int64_t stride, border, taps;
  const decltype(&gather_line<1>) line;
  const Chunks chunks;
  Floats parts;  // [chunks, P, k, k, C]

 public:
  KernelSums(const Map& thin_, const Map& wide_, int64_t k, int64_t stride_, int64_t border_)
      : thin(thin_),
        wide(wide_),
        stride(stride_),
        border(border_),
        taps(k * k * wide.channels),
        line(LATENS_FOR_SIDE(k, gather_line)),
        chunks(thin.images, wide.image()),
        parts(chunks.count * thin.channels * taps) {}

  // body(first, last, add) for some images each, of which every one is to be added: add(thin image,
  // wide image).
  template <class Body>
  void each(const Body& body) {
    chunks.each([&](int64_t chunk, int64_t first, int64_t last) {
      Planes planes(thin, border);
      AsFloats<T> floats(wide.line());
      float* sums = &parts[chunk * thin.channels * taps];
      body(first, last, [&](const float* x, const T* dy) {
        planes.fill(x, thin, border);
        for (int64_t h = 0; h < wide.height; ++h) {
          const float* from = floats.read(dy + h * wide.line());
          for (int64_t p = 0; p < thin.channels; ++p)
            line(planes.at(p, h * stride), planes.width, stride, from, sums + p * taps, wide.width,
                 wide.channels);
        }
      });
    }, true);
  }

  void total(float* dkernel) const {
    Doubles sums(thin.channels * taps);
    for (size_t i = 0; i < parts.size(); ++i) sums[i % sums.size()] += parts[i];
    std::copy(sums.begin(), sums.end(), dkernel);
  }
};

}  // namespace
}  // namespace latens
