// The passes of batch normalisation over a channels-last map, with the ReLU and the 2x2 maximum after
// it. Maps and their gradients are float32 or bfloat16; statistics, weights and all arithmetic
// float32.
//
// Two passes over memory forward (sums; output) and two backward (sums; gradient), where torch's
// own three layers take about twice as many. Columns of channels are summed in float32 over few
// places and then in double. The variance is that of x minus a mean guessed from some places, so
// that a large mean cancels before it is squared.
#pragma once

#include "lanes.h"

namespace latens {
namespace {

// Places are read several at a time, as one long row, so that few channels fill the vector units too.
constexpr int64_t kLong = 512;

inline int64_t abreast(const Map& map) { return std::max<int64_t>(1, kLong / map.channels); }

// What a pass is cut into: places, or where maxima are taken the lines that come of them.
inline Chunks pieces(const Map& map, bool pool) {
  return pool ? Chunks(map.images * ((map.height + 1) / 2), 2 * map.line())
              : Chunks(map.places(), map.channels, abreast(map));
}

// A number for each channel, repeated for each of the places that are read together.
inline Floats repeated(const Floats& of_C, int64_t times) {
  Floats all;
  for (int64_t i = 0; i < times; ++i) all.insert(all.end(), of_C.begin(), of_C.end());
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

// What is done to channel c: z = (x - mean[c]) * scale[c] + shift[c], then max(z, low).
struct Norm {
  Floats mean, scale, shift;
  float low;  // no ReLU: nothing is lower

  Norm(const Map& map, const Tensor& mean_C, const Tensor& var_C, const Tensor& weight_C,
       const Tensor& bias_C, double eps, bool relu, int64_t times)
      : low(relu ? 0 : -INFINITY) {
    Floats scale_C(map.channels);
    const float *weight = in(weight_C), *var = in(var_C);
    for (int64_t c = 0; c < map.channels; ++c)
      scale_C[c] = static_cast<float>(weight[c] / std::sqrt(var[c] + eps));
    mean = repeated(Floats(in(mean_C), in(mean_C) + map.channels), times);
    shift = repeated(Floats(in(bias_C), in(bias_C) + map.channels), times);
    scale = repeated(scale_C, times);
  }
};

// The mean of some rows all over the map: near enough to the true one to subtract first.
template <class T>
Floats guess(const Map& map, const T* x) {
  const int64_t rows = map.places(), count = std::min<int64_t>(rows, 32);
  Floats mean(map.channels);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < map.channels; ++c)
      mean[c] += x[rows * i / count * map.channels + c] / static_cast<float>(count);
  return mean;
}

template <class T>
void statistics(const Map& map, const T* x, float* mean_C, float* var_C) {
  const Floats near_C = guess(map, x), near = repeated(near_C, abreast(map));
  const Chunks chunks = pieces(map, false);
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    Floats first(near.size()), second(near.size());
    along(near.size(), a * map.channels, b * map.channels,
          [x, n = near.data(), s = first.data(), t = second.data()](int64_t j, int64_t i) {
            const float d = x[i] - n[j];
            s[j] += d;
            t[j] += d * d;
          });
    sums.add(chunk, first, second);
  });
  sums.total();
  for (int64_t c = 0; c < map.channels; ++c) {
    const double off = sums.first[c] / map.places();
    mean_C[c] = static_cast<float>(near_C[c] + off);
    const double var = sums.second[c] / map.places() - off * off;
    var_C[c] = static_cast<float>(var < 0 ? 0 : var);  // rounding; NaN stays NaN
  }
}

template <class T>
void output(const Map& map, const Norm& norm, const T* x, T* y) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const auto body = [=, low = norm.low](int64_t j, int64_t i) {
    const float z = (x[i] - mean[j]) * scale[j] + shift[j];
    y[i] = z < low ? low : z;  // NaN stays NaN, as in torch
  };
  pieces(map, false).each([&](int64_t, int64_t a, int64_t b) {
    along(norm.mean.size(), a * map.channels, b * map.channels, body);
  }, true);
}

// Sums of the gradient g after the ReLU and of g * (x - mean).
template <class T>
Sums gradient_sums(const Map& map, const Norm& norm, const T* x, const T* dy) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const Chunks chunks = pieces(map, false);
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    Floats first(norm.mean.size()), second(norm.mean.size());
    along(norm.mean.size(), a * map.channels, b * map.channels,
          [=, low = norm.low, s = first.data(), t = second.data()](int64_t j, int64_t i) {
            const float d = x[i] - mean[j];
            const float up = dy[i], g = d * scale[j] + shift[j] <= low ? 0 : up;
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

  Slope(const Map& map, const Norm& norm, const Sums& sums, const Tensor& var_C, double eps,
        int64_t times) {
    Floats level_C(map.channels), slope_C(map.channels);
    const float* var = in(var_C);
    for (int64_t c = 0; c < map.channels; ++c) {
      const double share = norm.scale[c] / static_cast<double>(map.places());
      level_C[c] = static_cast<float>(share * sums.first[c]);
      slope_C[c] = static_cast<float>(share * sums.second[c] / (var[c] + eps));
    }
    level = repeated(level_C, times);
    slope = repeated(slope_C, times);
  }
};

// Of the places from a to b.
template <class T>
void gradient(const Map& map, const Norm& norm, const Slope& through, const T* x, const T* dy,
              T* dx, int64_t a, int64_t b) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const float *level = through.level.data(), *slope = through.slope.data();
  const auto body = [=, low = norm.low](int64_t j, int64_t i) {
    const float d = x[i] - mean[j];
    const float up = dy[i], g = d * scale[j] + shift[j] <= low ? 0 : up;
    dx[i] = scale[j] * g - level[j] - slope[j] * d;
  };
  along(norm.mean.size(), a * map.channels, b * map.channels, body);
}

// From here on with the maximum over windows of 2x2.

struct Cells {
  int64_t at[4];
};

// The windows of the pooled rows from `a` to `b` of all images: body(cells, x, y) with the places
// of the window's one, two or four cells and of its output. An odd edge keeps its smaller windows.
template <class Body>
inline void windows(const Map& map, int64_t a, int64_t b, Body body) {
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

// The maximum of a window; of equals the first, and NaN before all, as in torch.
template <class V>
struct Winner {
  V z, d;  // the normalised value, and x - mean
  decltype(V() < V()) taken[4];  // from the cells before by this one
};

template <int cells, class V, class T>
LATENS_INLINE inline Winner<V> winner(const T* x, const Cells& at, V mean, V scale, V shift) {
  Winner<V> best;
  best.d = get<V>(x + at.at[0]) - mean;
  best.z = best.d * scale + shift;
  written_out<cells - 1>([&](int k) LATENS_INLINE {
    const V d = get<V>(x + at.at[k + 1]) - mean, z = d * scale + shift;
    const auto take = (z > best.z) | (z != z);
    best.z = take ? z : best.z;
    best.d = take ? d : best.d;
    best.taken[k + 1] = take;
  });
  return best;
}

template <class T>
void pooled_output(const Map& map, const Norm& norm, const T* x, T* y) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const auto body = [=, low = norm.low, C = map.channels](auto cells, Cells from, int64_t to) {
    each_channel(C, [&]<class V>(int64_t c) LATENS_INLINE {
      const V z = winner<cells, V>(x + c, from, get<V>(mean + c), get<V>(scale + c),
                                   get<V>(shift + c)).z;
      const V least = V() + low;
      put<V>(y + to + c, z < least ? least : z);
    });
  };
  pieces(map, true).each([&](int64_t, int64_t a, int64_t b) { windows(map, a, b, body); }, true);
}

// The winner is found again: that is cheaper than to have stored it.
template <class T>
Sums pooled_gradient_sums(const Map& map, const Norm& norm, const T* x, const T* dy) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const Chunks chunks = pieces(map, true);
  Sums sums(chunks.count, map.channels);
  chunks.each([&](int64_t chunk, int64_t a, int64_t b) {
    Floats first(map.channels), second(map.channels);
    const auto body = [=, low = norm.low, C = map.channels, s = first.data(), t = second.data()](
                          auto cells, Cells from, int64_t to) {
      each_channel(C, [&]<class V>(int64_t c) LATENS_INLINE {
        const auto best = winner<cells, V>(x + c, from, get<V>(mean + c), get<V>(scale + c),
                                           get<V>(shift + c));
        const V g = best.z <= V() + low ? V() : get<V>(dy + to + c);
        put<V>(s + c, get<V>(s + c) + g);
        put<V>(t + c, get<V>(t + c) + g * best.d);
      });
    };
    windows(map, a, b, body);
    sums.add(chunk, first, second);
  });
  sums.total();
  return sums;
}

// Of the lines of windows from a to b.
template <class T>
void pooled_gradient(const Map& map, const Norm& norm, const Slope& through, const T* x,
                     const T* dy, T* dx, int64_t a, int64_t b) {
  const float *mean = norm.mean.data(), *scale = norm.scale.data(), *shift = norm.shift.data();
  const float *level = through.level.data(), *slope = through.slope.data();
  const auto body = [=, low = norm.low, C = map.channels](auto cells, Cells from, int64_t to) {
    each_channel(C, [&]<class V>(int64_t c) LATENS_INLINE {
      const V middle = get<V>(mean + c), factor = get<V>(scale + c);
      const auto best = winner<cells, V>(x + c, from, middle, factor, get<V>(shift + c));
      V g = best.z <= V() + low ? V() : factor * get<V>(dy + to + c);
      written_out<cells>([&](int i) LATENS_INLINE {
        const int k = cells - 1 - i;  // the last that took it has it
        const V d = get<V>(x + from.at[k] + c) - middle;
        const V rest = get<V>(level + c) + get<V>(slope + c) * d;
        const V own = k == 0 ? g : best.taken[k] ? g : V();
        if (k) g = best.taken[k] ? V() : g;
        put<V>(dx + from.at[k] + c, own - rest);
      });
    });
  };
  windows(map, a, b, body);
}

// The first pass backward, and the last, a piece at a time.
template <class T>
struct Backward {
  const Map map;
  const bool pool;
  const Norm norm;
  const Sums sums;
  const Slope through;

  Backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias,
           const Tensor& mean, const Tensor& var, double eps, bool relu, bool pool_)
      : map(x),
        pool(pool_),
        norm(map, mean, var, weight, bias, eps, relu, pool ? 1 : abreast(map)),
        sums((pool ? pooled_gradient_sums<T> : gradient_sums<T>)(map, norm, in<T>(x), in<T>(dy))),
        through(map, norm, sums, var, eps, pool ? 1 : abreast(map)) {}

  void weights(const Tensor& var, double eps, const Tensor& dweight, const Tensor& dbias) const {
    const float* of_C = in(var);
    float *weights = out(dweight), *biases = out(dbias);
    for (int64_t c = 0; c < map.channels; ++c) {
      weights[c] = static_cast<float>(sums.second[c] / std::sqrt(of_C[c] + eps));
      biases[c] = static_cast<float>(sums.first[c]);
    }
  }

  void gradient_of(const Map& part, const T* x, const T* dy, T* dx, int64_t a, int64_t b) const {
    (pool ? pooled_gradient<T> : gradient<T>)(part, norm, through, x, dy, dx, a, b);
  }
};

}  // namespace
}  // namespace latens
