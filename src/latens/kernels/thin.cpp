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
#include "thin.h"

namespace latens {
namespace {

template <class T>
void spread(const Tensor& thin_, const Tensor& kernel, const Tensor& bias, int64_t stride,
            int64_t border, const Tensor& wide_) {
  const Map thin(thin_), wide(wide_);
  const int64_t k = kernel.size(1), taps = k * k * wide.channels;
  const auto line = LATENS_FOR_SIDE(k, spread_line);
  const float *x = in(thin_), *weights = in(kernel), *begin = in(bias);
  T* y = out<T>(wide_);
  Chunks(thin.images, wide.image()).each([&](int64_t, int64_t first, int64_t last) {
    Planes planes(thin, border);
    AsFloats<T> floats(wide.line());
    for (int64_t n = first; n < last; ++n) {
      planes.fill(x + n * thin.image(), thin, border);
      for (int64_t h = 0; h < wide.height; ++h) {
        T* to = y + n * wide.image() + h * wide.line();
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
  const float* x = in(thin_);
  const T* dy = in<T>(wide_);
  KernelSums<T> sums(thin, wide, dkernel.size(1), stride, border);
  sums.each([&](int64_t first, int64_t last, auto add) {
    for (int64_t n = first; n < last; ++n) add(x + n * thin.image(), dy + n * wide.image());
  });
  sums.total(out(dkernel));
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
