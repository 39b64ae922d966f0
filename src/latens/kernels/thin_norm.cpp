// The normalisation, ReLU and maximum after a first convolution, and that convolution, backward: the
// gradient of the map between them is used where it is made, an image at a time, and is never
// written to memory. Nobody else asks for it, because images learn nothing.
#include "norm.h"
#include "thin.h"

namespace latens {
namespace {

template <class T>
void backward(const Tensor& dy_, const Tensor& thin_, const Tensor& wide_, const Tensor& weight,
              const Tensor& bias, const Tensor& mean, const Tensor& var, double eps, bool relu,
              bool pool, int64_t stride, int64_t border, const Tensor& dkernel,
              const Tensor& dweight, const Tensor& dbias) {
  const Backward<T> back(dy_, wide_, weight, bias, mean, var, eps, relu, pool);
  const Map thin(thin_), wide(wide_), after(dy_);
  Map one = wide;
  one.images = 1;
  const int64_t end = pool ? after.height : one.places();
  const float* images = in(thin_);
  const T *x = in<T>(wide_), *dy = in<T>(dy_);
  KernelSums<T> sums(thin, wide, dkernel.size(1), stride, border);
  sums.each([&](int64_t first, int64_t last, auto add) {
    const std::unique_ptr<T[]> dx(new T[wide.image()]);  // not set to zero: that takes its time
    for (int64_t n = first; n < last; ++n) {
      back.gradient_of(one, x + n * wide.image(), dy + n * after.image(), dx.get(), 0, end);
      add(images + n * thin.image(), dx.get());
    }
  });
  sums.total(out(dkernel));
  back.weights(var, eps, dweight, dbias);
}

void thin_norm_backward(const Tensor& dy, const Tensor& thin, const Tensor& wide,
                        const Tensor& weight, const Tensor& bias, const Tensor& mean,
                        const Tensor& var, double eps, bool relu, bool pool, int64_t stride,
                        int64_t border, Tensor dkernel, Tensor dweight, Tensor dbias) {
  const auto run = is_bfloat16(wide) ? backward<BFloat16> : backward<float>;
  run(dy, thin, wide, weight, bias, mean, var, eps, relu, pool, stride, border, dkernel, dweight,
      dbias);
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def(
      "thin_norm_backward(Tensor dy, Tensor thin, Tensor wide, Tensor weight, Tensor bias,"
      " Tensor mean, Tensor var, float eps, bool relu, bool pool, int stride, int border,"
      " Tensor(a!) dkernel, Tensor(b!) dweight, Tensor(c!) dbias) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("thin_norm_backward", TORCH_BOX(&latens::thin_norm_backward));
}
