// Batch normalisation over a channels-last map, with the ReLU and the 2x2 maximum after it.
//
// Two passes over memory forward (sums; output) and two backward (sums; gradient), where torch's
// own three layers take about twice as many. A map [N, C, H, W] in channels-last order is a matrix
// of N*H*W rows of C numbers; its columns are summed in float32 over few rows and then in double.
// The variance is that of x minus a mean guessed from some rows, so that a large mean cancels before
// it is squared.
#include "common.h"

namespace latens {
namespace {

// Rows are read several at a time, as one long row, so that few channels fill the vector units too.
constexpr int64_t kLong = 512;

struct Map {
  int64_t images, channels, height, width;

  explicit Map(const Tensor& t)
      : images(t.size(0)), channels(t.size(1)), height(t.size(2)), width(t.size(3)) {}
  int64_t rows() const { return images * height * width; }
  int64_t together() const { return std::max<int64_t>(1, kLong / channels); }
};

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// A number for each channel, repeated for each of the rows that are read together.
Floats repeated(const float* of_C, int64_t channels, int64_t times) {
  Floats all(channels * times);
  for (int64_t i = 0; i < times; ++i) std::copy_n(of_C, channels, &all[i * channels]);
  return all;
}

// Two sums for each channel, gathered over long rows in float32 and kept for each chunk in double.
struct Sums {
  int64_t channels;
  Doubles first, second;  // [chunks, C]

  Sums(int64_t chunks, int64_t channels_)
      : channels(channels_), first(chunks * channels_), second(chunks * channels_) {}

  void add(int64_t chunk, const Floats& a, const Floats& b) {
    double *s = &first[chunk * channels], *t = &second[chunk * channels];
    for (size_t j = 0; j < a.size(); j += channels)
      for (int64_t c = 0; c < channels; ++c) s[c] += a[j + c], t[c] += b[j + c];
  }

  void total() {  // into the first chunk's place
    for (size_t j = channels; j < first.size(); ++j)
      first[j % channels] += first[j], second[j % channels] += second[j];
  }
};

// body(j, i): place in the long row, place in memory; from row `a` to row `b`.
template <class Body>
inline void along(const Map& map, int64_t a, int64_t b, const Body& body) {
  const int64_t width = map.together() * map.channels, end = b * map.channels;
  for (int64_t i = a * map.channels; i < end; i += width) {
    const int64_t some = std::min(width, end - i);
#pragma GCC ivdep
    for (int64_t j = 0; j < some; ++j) body(j, i + j);
  }
}

// What the normalisation does to channel c: y = (x - mean[c]) * scale[c] + shift[c].
struct Affine {
  Floats mean, scale, shift;

  Affine(const Map& map, const float* mean_C, const float* var_C, const float* weight_C,
         const float* bias_C, double eps, int64_t times)
      : mean(repeated(mean_C, map.channels, times)), shift(repeated(bias_C, map.channels, times)) {
    Floats scale_C(map.channels);
    for (int64_t c = 0; c < map.channels; ++c)
      scale_C[c] = static_cast<float>(weight_C[c] / std::sqrt(var_C[c] + eps));
    scale = repeated(scale_C.data(), map.channels, times);
  }
};

// The mean of some rows all over the map: near enough to the true one to subtract first.
Floats guess(const Map& map, const float* x) {
  constexpr int64_t kRows = 32;
  const int64_t rows = map.rows(), count = std::min(rows, kRows);
  Floats mean(map.channels);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < map.channels; ++c)
      mean[c] += x[rows * i / count * map.channels + c] / static_cast<float>(count);
  return mean;
}

void statistics(const Map& map, const float* x, float* mean_C, float* var_C) {
  const Floats near_C = guess(map, x), near = repeated(near_C.data(), map.channels, map.together());
  const Chunks chunks(map.rows(), map.channels, map.together());
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    Floats first(near.size()), second(near.size());
    float *s = first.data(), *t = second.data();
    const float* n = near.data();
    along(map, a, b, [=](int64_t j, int64_t i) {
      const float d = x[i] - n[j];
      s[j] += d;
      t[j] += d * d;
    });
    sums.add(chunk, first, second);
  });
  sums.total();
  for (int64_t c = 0; c < map.channels; ++c) {
    const double off = sums.first[c] / map.rows();
    mean_C[c] = static_cast<float>(near_C[c] + off);
    // Not max(0, ...): it would hide a NaN.
    const double var = sums.second[c] / map.rows() - off * off;
    var_C[c] = static_cast<float>(var < 0 ? 0 : var);
  }
}

template <bool relu>
inline float act(float z) {
  return relu && z < 0 ? 0 : z;  // NaN stays NaN, as in torch
}

// The windows of the pooled rows from `a` to `b` of all images: body(cells, x, y) with the places
// of the window's one, two or four cells and of its output. An odd edge keeps its smaller windows.
template <class Body>
inline void windows(const Map& map, int64_t a, int64_t b, const Body& body) {
  const int64_t C = map.channels, line = map.width * C;
  const int64_t half = (map.height + 1) / 2, half_width = (map.width + 1) / 2;
  for (int64_t row = a; row < b; ++row) {
    const int64_t top = 2 * (row % half);
    const bool below = top + 1 < map.height;
    int64_t x = (row / half * map.height + top) * line, y = row * half_width * C;
    for (int64_t w = 0; w + 1 < map.width; w += 2, x += 2 * C, y += C) {
      if (below) body(std::integral_constant<int, 4>(), {x, x + C, x + line, x + line + C}, y);
      else body(std::integral_constant<int, 2>(), {x, x + C, 0, 0}, y);
    }
    if (map.width % 2 && below) body(std::integral_constant<int, 2>(), {x, x + line, 0, 0}, y);
    if (map.width % 2 && !below) body(std::integral_constant<int, 1>(), {x, 0, 0, 0}, y);
  }
}

struct Cells {
  int64_t at[4];
};

Chunks pooled_rows(const Map& map) {
  return Chunks(map.images * ((map.height + 1) / 2), 2 * map.width * map.channels);
}

// Whether v takes the place of the maximum so far: the first of equals stays, NaN wins, as in torch.
inline bool takes(float v, float best) { return (v > best) | (v != v); }

// The maximum of a window, for one channel.
struct Winner {
  float z, d;  // the normalised value, and x - mean
  int cell;
};

template <int cells>
inline Winner winner(const float* x, const Cells& in, int64_t c, float mean, float scale,
                     float shift) {
  Winner best{0, x[in.at[0] + c] - mean, 0};
  best.z = best.d * scale + shift;
#pragma GCC unroll 4
  for (int k = 1; k < cells; ++k) {
    const float d = x[in.at[k] + c] - mean, z = d * scale + shift;
    const bool take = takes(z, best.z);
    best.z = take ? z : best.z;
    best.d = take ? d : best.d;
    best.cell = take ? k : best.cell;
  }
  return best;
}

template <bool relu>
void pooled_output(const Map& map, const Affine& affine, const float* x, float* y) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  pooled_rows(map).each([&](int64_t, int64_t a, int64_t b) {
    windows(map, a, b, [=, C = map.channels](auto cells, Cells in, int64_t out) {
#pragma GCC ivdep
      for (int64_t c = 0; c < C; ++c) {
        y[out + c] = act<relu>(winner<cells>(x, in, c, mean[c], scale[c], shift[c]).z);
      }
    });
  }, true);
}

template <bool relu>
void output(const Map& map, const Affine& affine, const float* x, float* y) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  Chunks(map.rows(), map.channels, map.together()).each([&](int64_t, int64_t a, int64_t b) {
    along(map, a, b, [=](int64_t j, int64_t i) {
      y[i] = act<relu>((x[i] - mean[j]) * scale[j] + shift[j]);
    });
  }, true);
}

// Sums of the gradient g after the ReLU and of g * (x - mean).
template <bool relu>
Sums gradient_sums(const Map& map, const Affine& affine, const float* x, const float* dy) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  const Chunks chunks(map.rows(), map.channels, map.together());
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    Floats first(affine.mean.size()), second(affine.mean.size());
    float *s = first.data(), *t = second.data();
    along(map, a, b, [=](int64_t j, int64_t i) {
      const float d = x[i] - mean[j];
      const float g = relu && d * scale[j] + shift[j] <= 0 ? 0 : dy[i];
      s[j] += g;
      t[j] += g * d;
    });
    sums.add(chunk, first, second);
  });
  sums.total();
  return sums;
}

// The gradient through the statistics, for channel c: dx = scale g - level - slope (x - mean).
struct Slope {
  Floats level, slope;

  Slope(const Map& map, const Affine& affine, const Sums& sums, const float* var_C, double eps,
        int64_t times) {
    Floats level_C(map.channels), slope_C(map.channels);
    for (int64_t c = 0; c < map.channels; ++c) {
      const double share = affine.scale[c] / static_cast<double>(map.rows());
      level_C[c] = static_cast<float>(share * sums.first[c]);
      slope_C[c] = static_cast<float>(share * sums.second[c] / (var_C[c] + eps));
    }
    level = repeated(level_C.data(), map.channels, times);
    slope = repeated(slope_C.data(), map.channels, times);
  }
};

template <bool relu>
void gradient(const Map& map, const Affine& affine, const Slope& through, const float* x,
              const float* dy, float* dx) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  const float *level = through.level.data(), *slope = through.slope.data();
  Chunks(map.rows(), map.channels, map.together()).each([&](int64_t, int64_t a, int64_t b) {
    along(map, a, b, [=](int64_t j, int64_t i) {
      const float d = x[i] - mean[j];
      const float g = relu && d * scale[j] + shift[j] <= 0 ? 0 : dy[i];
      dx[i] = scale[j] * g - level[j] - slope[j] * d;
    });
  }, true);
}

// The same two passes for windows. The winner is found again: cheaper than to have stored it.
template <bool relu>
Sums pooled_gradient_sums(const Map& map, const Affine& affine, const float* x, const float* dy) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  const Chunks chunks = pooled_rows(map);
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    for (int64_t row = a; row < b; ++row) {  // float32 sums over one row of windows
      Floats first(map.channels), second(map.channels);
      float *s = first.data(), *t = second.data();
      windows(map, row, row + 1, [=, C = map.channels](auto cells, Cells in, int64_t out) {
#pragma GCC ivdep
        for (int64_t c = 0; c < C; ++c) {
          const Winner best = winner<cells>(x, in, c, mean[c], scale[c], shift[c]);
          const float g = relu && best.z <= 0 ? 0 : dy[out + c];
          s[c] += g;
          t[c] += g * best.d;
        }
      });
      sums.add(chunk, first, second);
    }
  });
  sums.total();
  return sums;
}

template <bool relu>
void pooled_gradient(const Map& map, const Affine& affine, const Slope& through, const float* x,
                     const float* dy, float* dx) {
  const float *mean = affine.mean.data(), *scale = affine.scale.data(), *shift = affine.shift.data();
  const float *level = through.level.data(), *slope = through.slope.data();
  pooled_rows(map).each([&](int64_t, int64_t a, int64_t b) {
    windows(map, a, b, [=, C = map.channels](auto cells, Cells in, int64_t out) {
#pragma GCC ivdep
      for (int64_t c = 0; c < C; ++c) {
        const Winner best = winner<cells>(x, in, c, mean[c], scale[c], shift[c]);
        const float g = relu && best.z <= 0 ? 0 : scale[c] * dy[out + c];
#pragma GCC unroll 4
        for (int k = 0; k < cells; ++k) {
          const float rest = level[c] + slope[c] * (x[in.at[k] + c] - mean[c]);
          dx[in.at[k] + c] = (best.cell == k ? g : 0) - rest;
        }
      }
    });
  }, true);
}

void forward(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool relu,
             bool pool, Tensor y, Tensor mean, Tensor var) {
  const Map map(x);
  statistics(map, in(x), out(mean), out(var));
  const Affine affine(map, in(mean), in(var), in(weight), in(bias), eps, pool ? 1 : map.together());
  const auto run = pool ? (relu ? pooled_output<true> : pooled_output<false>)
                        : (relu ? output<true> : output<false>);
  run(map, affine, in(x), out(y));
}

void backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Tensor& mean, const Tensor& var, double eps, bool relu, bool pool, Tensor dx,
              Tensor dweight, Tensor dbias) {
  const Map map(x);
  const int64_t times = pool ? 1 : map.together();
  const Affine affine(map, in(mean), in(var), in(weight), in(bias), eps, times);
  const auto sum = pool ? (relu ? pooled_gradient_sums<true> : pooled_gradient_sums<false>)
                        : (relu ? gradient_sums<true> : gradient_sums<false>);
  const Sums sums = sum(map, affine, in(x), in(dy));
  const Slope through(map, affine, sums, in(var), eps, times);
  const auto run = pool ? (relu ? pooled_gradient<true> : pooled_gradient<false>)
                        : (relu ? gradient<true> : gradient<false>);
  run(map, affine, through, in(x), in(dy), out(dx));
  for (int64_t c = 0; c < map.channels; ++c) {
    out(dweight)[c] = static_cast<float>(sums.second[c] / std::sqrt(in(var)[c] + eps));
    out(dbias)[c] = static_cast<float>(sums.first[c]);
  }
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
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("norm_act", TORCH_BOX(&latens::forward));
  m.impl("norm_act_backward", TORCH_BOX(&latens::backward));
}
