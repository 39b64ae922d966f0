// Batch normalisation, with the ReLU and the 2x2 maximum after it.
#include "norm.h"

namespace latens {
namespace {

template <class T>
void forward(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool relu,
             bool pool, const Tensor& y, const Tensor& mean, const Tensor& var) {
  const Map map(x);
  statistics(map, in<T>(x), out(mean), out(var));
  const Norm norm(map, mean, var, weight, bias, eps, relu, pool ? 1 : abreast(map));
  (pool ? pooled_output<T> : output<T>)(map, norm, in<T>(x), out<T>(y));
}

template <class T>
void backward(const Tensor& dy_, const Tensor& x_, const Tensor& weight, const Tensor& bias,
              const Tensor& mean, const Tensor& var, double eps, bool relu, bool pool,
              const Tensor& dx_, const Tensor& dweight, const Tensor& dbias) {
  const Backward<T> back(dy_, x_, weight, bias, mean, var, eps, relu, pool);
  const T *x = in<T>(x_), *dy = in<T>(dy_);
  T* dx = out<T>(dx_);
  pieces(back.map, pool).each([&](int64_t, int64_t a, int64_t b) {
    back.gradient_of(back.map, x, dy, dx, a, b);
  }, true);
  back.weights(var, eps, dweight, dbias);
}

void norm_act(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool relu,
              bool pool, Tensor y, Tensor mean, Tensor var) {
  const auto run = is_bfloat16(x) ? forward<BFloat16> : forward<float>;
  run(x, weight, bias, eps, relu, pool, y, mean, var);
}

void norm_act_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Tensor& mean, const Tensor& var, double eps, bool relu, bool pool,
                       Tensor dx, Tensor dweight, Tensor dbias) {
  const auto run = is_bfloat16(x) ? backward<BFloat16> : backward<float>;
  run(dy, x, weight, bias, mean, var, eps, relu, pool, dx, dweight, dbias);
}

// What four of torch's operations do a layer, for which calling them takes longer than doing them.
void follow(const Tensor& mean, const Tensor& var, int64_t count, double momentum,
            Tensor running_mean, Tensor running_var, Tensor batches) {
  const float *mean_C = in(mean), *var_C = in(var), share = static_cast<float>(momentum);
  const float unbiased = static_cast<float>(count / (count - 1.0));
  float *of_mean = out(running_mean), *of_var = out(running_var);
  for (int64_t c = 0; c < mean.size(0); ++c) {
    of_mean[c] += share * (mean_C[c] - of_mean[c]);
    of_var[c] += share * (var_C[c] * unbiased - of_var[c]);
  }
  batches.mutable_data_ptr<int64_t>()[0] += 1;
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def(
      "norm_act(Tensor x, Tensor weight, Tensor bias, float eps, bool relu, bool pool,"
      " Tensor(a!) y, Tensor(b!) mean, Tensor(c!) var) -> ()");
  m.def(
      "norm_act_backward(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor var,"
      " float eps, bool relu, bool pool, Tensor(a!) dx, Tensor(b!) dweight, Tensor(c!) dbias) -> ()");
  m.def(
      "norm_follow(Tensor mean, Tensor var, int count, float momentum, Tensor(a!) running_mean,"
      " Tensor(b!) running_var, Tensor(c!) batches) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("norm_act", TORCH_BOX(&latens::norm_act));
  m.impl("norm_act_backward", TORCH_BOX(&latens::norm_act_backward));
  m.impl("norm_follow", TORCH_BOX(&latens::follow));
}
