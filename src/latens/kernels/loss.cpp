// The sum of (sigmoid(logits) - target)^2 and its gradient, in one pass where torch takes seven.
#include "common.h"

#include <bit>

namespace latens {
namespace {

// e^x for x <= 0, within 2e-7 of it: the library's own is called number by number. x = n ln 2 + r,
// n found by adding 1.5 * 2^23, in whose sum it stands in the lowest bits; e^r is a polynomial on
// [-ln 2 / 2, ln 2 / 2] (Taylor's, where the sixth power is enough for float32); 2^n is made of
// its bits. Below -87, where float32 ends, the result stays at 1.6e-38. NaN stays NaN.
inline float exp_negative(float x) {
  constexpr float kShift = 12582912.0f, kHigh = 0.693359375f, kLow = -2.12194440e-4f;
  x = x < -87 ? -87 : x;
  const float shifted = x * 1.44269504f + kShift, n = shifted - kShift;
  const float r = (x - n * kHigh) - n * kLow;
  float power = 1.0f / 720;
  power = power * r + 1.0f / 120;
  power = power * r + 1.0f / 24;
  power = power * r + 1.0f / 6;
  power = power * r + 0.5f;
  power = power * r + 1.0f;
  power = power * r + 1.0f;
  return power * std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127u) << 23);
}

void squared_error_of_logits(const Tensor& logits, const Tensor& target, Tensor total,
                             Tensor gradient) {
  constexpr int64_t kLanes = 128;  // sums of their own, so that they need no order
  const float *l = in(logits), *t = in(target);
  float* g = out(gradient);
  const Chunks chunks(logits.numel(), 1, kLanes);
  Doubles sums(chunks.count);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    float squares[kLanes] = {};
    along(kLanes, a, b, [l, t, g, s = squares](int64_t j, int64_t i) {
      const float e = exp_negative(-std::fabs(l[i])), near = 1 / (1 + e), far = e * near;
      const float d = (l[i] < 0 ? far : near) - t[i];
      s[j] += d * d;
      g[i] = 2 * d * near * far;  // near and far are p and 1 - p, or the other way round
    });
    for (float square : squares) sums[chunk] += square;
  });
  double sum = 0;
  for (double part : sums) sum += part;
  *out(total) = static_cast<float>(sum);
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def(
      "squared_error_of_logits(Tensor logits, Tensor target, Tensor(a!) total,"
      " Tensor(b!) gradient) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("squared_error_of_logits", TORCH_BOX(&latens::squared_error_of_logits));
}
