// Convolutions between a thin map of one to four channels and a wide one: the first of an encoder,
// the last of a decoder. General convolutions pad the few channels to full vectors of them; here the
// vectors lie along the wide map's channels, which are a multiple of 16, and each number of the thin
// one is spread over them. Three loops do all of it:
//
//   spread   thin to wide: the first layer forward; the last one's gradient for its input
//   dot      wide to thin: the last layer forward, also where it doubles the sides
//   gather   thin and wide to kernel: both layers' gradients for their kernels
//
// Kernels are [P, k, k, C] here: P thin channels ("planes"), C wide channels. The wide map is float32
// or bfloat16; the thin one, kernels and all arithmetic are float32.
#include "lanes.h"

namespace latens {
namespace {

struct Map {  // a channels-last map
  int64_t images, channels, height, width;

  explicit Map(const Tensor& t)
      : images(t.size(0)), channels(t.size(1)), height(t.size(2)), width(t.size(3)) {}
  int64_t image() const { return channels * height * width; }
};

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

template <class T>
void spread(const Tensor& thin_, const Tensor& kernel, const Tensor& bias, int64_t stride,
            int64_t border, const Tensor& wide_) {
  const Map thin(thin_), wide(wide_);
  const int64_t k = kernel.size(1), taps = k * k * wide.channels;
  const int64_t length = wide.width * wide.channels;
  const auto line = LATENS_FOR_SIDE(k, spread_line);
  const float *x = in(thin_), *weights = in(kernel), *begin = in(bias);
  T* y = out<T>(wide_);
  Chunks(thin.images, wide.image()).each([&](int64_t, int64_t first, int64_t last) {
    Planes planes(thin, border);
    AsFloats<T> floats(length);
    for (int64_t n = first; n < last; ++n) {
      planes.fill(x + n * thin.image(), thin, border);
      for (int64_t h = 0; h < wide.height; ++h) {
        T* to = y + n * wide.image() + h * length;
        for (int64_t p = 0; p < thin.channels; ++p)
          line(planes.at(p, h * stride), planes.width, stride, weights + p * taps,
               p ? nullptr : begin, floats.begin(to), wide.width, wide.channels);
        floats.end(to);
      }
    }
  });
}

template <class T>
void gather(const Tensor& thin_, const Tensor& wide_, int64_t stride, int64_t border,
            const Tensor& dkernel) {
  const Map thin(thin_), wide(wide_);
  const int64_t k = dkernel.size(1), taps = k * k * wide.channels, size = dkernel.numel();
  const int64_t length = wide.width * wide.channels;
  const auto line = LATENS_FOR_SIDE(k, gather_line);
  const float* x = in(thin_);
  const T* dy = in<T>(wide_);
  const Chunks chunks(thin.images, wide.image());
  Floats parts(chunks.count * size);
  chunks.each([&](int64_t chunk, int64_t first, int64_t last) {
    Planes planes(thin, border);
    AsFloats<T> floats(length);
    for (int64_t n = first; n < last; ++n) {
      planes.fill(x + n * thin.image(), thin, border);
      for (int64_t h = 0; h < wide.height; ++h) {
        const float* from = floats.read(dy + n * wide.image() + h * length);
        for (int64_t p = 0; p < thin.channels; ++p)
          line(planes.at(p, h * stride), planes.width, stride, from,
               &parts[chunk * size + p * taps], wide.width, wide.channels);
      }
    }
  });
  Doubles total(size);
  for (size_t i = 0; i < parts.size(); ++i) total[i % size] += parts[i];
  std::copy(total.begin(), total.end(), out(dkernel));
}

inline float sum(Lanes v) {
  typedef float Four __attribute__((vector_size(16)));
  Four part[4];
  std::memcpy(part, &v, sizeof v);
  const Four all = (part[0] + part[1]) + (part[2] + part[3]);
  return (all[0] + all[1]) + (all[2] + all[3]);
}

// Inner products of a kernel's row with the map from `count` neighbours on, `C` numbers apart. What
// one row of the kernel meets lies side by side in memory, channels and all, as its own numbers do.
template <int count>
inline void dots(const float* x, const float* kernel, int64_t length, int64_t C, Lanes* sums) {
  for (int64_t i = 0; i < length; i += kLanes) {
    const Lanes weight = load(kernel + i);
    written_out<count>([&](int j) LATENS_INLINE { sums[j] += load(x + j * C + i) * weight; });
  }
}

// One plane of one image: y[h][w] = bias + sum over a, b, c of x[h + a - top][w + b - left][c]
// * kernel[a][b][c], where the places outside the map count as zero.
struct Plane {
  const Map& wide;
  const float *image, *kernel;
  int64_t k, top, left;
  float bias;
  float* y;  // of the line, whose neighbours lie `apart`
  int64_t apart;

  // `count` neighbours from column w on. Several share the loads of the kernel, and their sums are
  // added side by side; all but one must lie where the whole kernel meets the map.
  template <int count>
  void some(int64_t h, int64_t w) const {
    const int64_t C = wide.channels, from = std::max<int64_t>(0, left - w);
    const int64_t length = (std::min(k, wide.width + left - w) - from) * C;
    Lanes sums[count] = {};
    for (int64_t a = std::max<int64_t>(0, top - h); a < std::min(k, wide.height + top - h); ++a)
      dots<count>(image + ((h + a - top) * wide.width + w + from - left) * C,
                  kernel + (a * k + from) * C, length, C, sums);
    written_out<count>([&](int j) LATENS_INLINE { y[(w + j) * apart] = bias + sum(sums[j]); });
  }

  void line(int64_t h, int64_t width) const {
    constexpr int64_t kSome = 8;
    const int64_t begin = std::clamp<int64_t>(left, 0, width);
    const int64_t end = std::clamp(wide.width + left - k + 1, begin, width);
    if (end - begin < kSome) {
      for (int64_t w = 0; w < width; ++w) some<1>(h, w);
      return;
    }
    for (int64_t w = 0; w < begin; ++w) some<1>(h, w);
    for (int64_t w = begin; w < end; w += kSome)  // the last ones may be done twice
      some<kSome>(h, std::min(w, end - kSome));
    for (int64_t w = end; w < width; ++w) some<1>(h, w);
  }
};

// Kernels [step, step, P, k, k, C]: those of one row and column of the blocks of step x step that
// the thin map consists of, each of which meets the wide map one place further.
template <class T>
void dot(const Tensor& wide_, const Tensor& kernel, const Tensor& bias, int64_t step,
         int64_t border, const Tensor& thin_) {
  const Map wide(wide_), thin(thin_);
  const int64_t k = kernel.size(3), P = thin.channels, taps = k * k * wide.channels;
  const T* x = in<T>(wide_);
  const float *weights = in(kernel), *begin = in(bias);
  float* y = out(thin_);
  Chunks(thin.images, wide.image()).each([&](int64_t, int64_t first, int64_t last) {
    AsFloats<T> floats(wide.image());
    for (int64_t n = first; n < last; ++n) {
      const float* image = floats.read(x + n * wide.image());
      for (int64_t row = 0; row < thin.height; ++row)
        for (int64_t part = 0; part < step * P; ++part) {
          const int64_t down = row % step, right = part / P, p = part % P;
          float* to = y + n * thin.image() + (row * thin.width + right) * P + p;
          const Plane plane{wide, image, weights + (down * step * P + part) * taps, k,
                            border - down, border - right, begin[p], to, step * P};
          plane.line(row / step, thin.width / step);
        }
    }
  });
}

void thin_spread(const Tensor& thin, const Tensor& kernel, const Tensor& bias, int64_t stride,
                 int64_t border, Tensor wide) {
  (is_bfloat16(wide) ? spread<BFloat16> : spread<float>)(thin, kernel, bias, stride, border, wide);
}

void thin_gather(const Tensor& thin, const Tensor& wide, int64_t stride, int64_t border,
                 Tensor dkernel) {
  (is_bfloat16(wide) ? gather<BFloat16> : gather<float>)(thin, wide, stride, border, dkernel);
}

void thin_dot(const Tensor& wide, const Tensor& kernel, const Tensor& bias, int64_t step,
              int64_t border, Tensor thin) {
  (is_bfloat16(wide) ? dot<BFloat16> : dot<float>)(wide, kernel, bias, step, border, thin);
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def(
      "thin_spread(Tensor thin, Tensor kernel, Tensor bias, int stride, int border,"
      " Tensor(a!) wide) -> ()");
  m.def("thin_gather(Tensor thin, Tensor wide, int stride, int border, Tensor(a!) dkernel) -> ()");
  m.def(
      "thin_dot(Tensor wide, Tensor kernel, Tensor bias, int step, int border,"
      " Tensor(a!) thin) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("thin_spread", TORCH_BOX(&latens::thin_spread));
  m.impl("thin_gather", TORCH_BOX(&latens::thin_gather));
  m.impl("thin_dot", TORCH_BOX(&latens::thin_dot));
}
