// 3x3 convolutions of stride 1 and padding 1 with fewer multiplications: Winograd's minimal
// filtering F(4x4, 3x3), as in Lavin and Gray, Fast algorithms for convolutional neural networks,
// 2016. A tile of 4x4 places of the output comes from 6x6 of the input by 36 products for each pair
// of channels instead of 144:
//
//   y = A' [(G g G') * (B' x B)] A      ' transposes, * multiplies place by place
//
// Summed over input channels, each of the 36 "points" is a product of matrices: tiles by channels.
// Polynomials are taken at 0, +-sqrt(1/2), +-sqrt(2) and infinity; at the usual 0, +-1, +-2 rounding
// errors are twice as large in the mean, and the largest four times. After Barabasz et al., Error
// analysis and improving the accuracy of Winograd convolution for deep neural networks, 2020.
// Tiles are taken a few at a time, so that what lies between the steps stays in the second cache.
// Maps have their channels last and are float32; channels come in multiples of 16.
#include "lanes.h"

namespace latens {
namespace {

constexpr int kTile = 4, kSide = kTile + 2, kPoints = kSide * kSide;
constexpr int kRows = 12, kWide = 2;  // of a block of sums in registers: tiles, and vectors of O
constexpr int kFew = 8;               // of such a block for the kernel's gradient: channels of I
constexpr int64_t kPanel = kWide * kLanes;
constexpr float kLow = 0.70710678118654752f, kHigh = 1.41421356237309505f;  // the points +-

struct Tiled : Map {
  using Map::Map;
  int64_t down() const { return (height + kTile - 1) / kTile; }
  int64_t right() const { return (width + kTile - 1) / kTile; }
  int64_t tiles() const { return images * down() * right(); }
};

// Where the side x side numbers of a tile lie in a map; those outside of it at `outside`.
template <int side, class T>
struct Places {
  T* at[side * side];

  Places(const Tiled& map, T* values, T* outside, int64_t tile) {
    const int64_t border = (side - kTile) / 2, line = tile / map.right(), image = line / map.down();
    const int64_t top = line % map.down() * kTile - border;
    const int64_t left = tile % map.right() * kTile - border;
    for (int64_t row = top; row < top + side; ++row) {
      const bool inside = row >= 0 && row < map.height;
      T* numbers = values + (image * map.height + row) * map.width * map.channels;
      for (int64_t column = left; column < left + side; ++column)
        at[(row - top) * side + column - left] =
            inside && column >= 0 && column < map.width ? numbers + column * map.channels : outside;
    }
  }
};

// The five matrices, each times a vector; T is a number or the numbers of 16 channels.
struct Input {  // B': six numbers of a line of the map to its six points
  static constexpr int from = kSide, to = kSide;
  template <class T>
  LATENS_INLINE static void apply(const T (&x)[from], T (&t)[to]) {
    const T low = x[4] - 2.0f * x[2], odd_low = kLow * (x[3] - 2.0f * x[1]);
    const T high = x[4] - 0.5f * x[2], odd_high = kHigh * (x[3] - 0.5f * x[1]);
    t[0] = x[0] - 2.5f * x[2] + x[4], t[5] = x[1] - 2.5f * x[3] + x[5];
    t[1] = low + odd_low, t[2] = low - odd_low, t[3] = high + odd_high, t[4] = high - odd_high;
  }
};

struct Output {  // A': six points to four numbers of the map
  static constexpr int from = kSide, to = kTile;
  template <class T>
  LATENS_INLINE static void apply(const T (&t)[from], T (&y)[to]) {
    const T low = t[1] + t[2], odd_low = kLow * (t[1] - t[2]);
    const T high = t[3] + t[4], odd_high = kHigh * (t[3] - t[4]);
    y[0] = t[0] + low + high, y[1] = odd_low + odd_high;
    y[2] = 0.5f * low + 2.0f * high, y[3] = 0.5f * odd_low + 2.0f * odd_high + t[5];
  }
};

struct OutputGradient {  // A: the gradients of four numbers to those of six points
  static constexpr int from = kTile, to = kSide;
  template <class T>
  LATENS_INLINE static void apply(const T (&y)[from], T (&t)[to]) {
    const T low = y[0] + 0.5f * y[2], odd_low = kLow * (y[1] + 0.5f * y[3]);
    const T high = y[0] + 2.0f * y[2], odd_high = kHigh * (y[1] + 2.0f * y[3]);
    t[0] = y[0], t[5] = y[3];
    t[1] = low + odd_low, t[2] = low - odd_low, t[3] = high + odd_high, t[4] = high - odd_high;
  }
};

constexpr float kOfLow = -1 / 1.5f, kOfHigh = 1 / 6.0f;  // one over the distances to other points

struct Kernel {  // G: a line of the kernel to six points
  static constexpr int from = 3, to = kSide;
  template <class T>
  LATENS_INLINE static void apply(const T (&g)[from], T (&t)[to]) {
    const T low = kOfLow * (g[0] + 0.5f * g[2]), odd_low = kOfLow * kLow * g[1];
    const T high = kOfHigh * (g[0] + 2.0f * g[2]), odd_high = kOfHigh * kHigh * g[1];
    t[0] = g[0], t[5] = g[2];
    t[1] = low + odd_low, t[2] = low - odd_low, t[3] = high + odd_high, t[4] = high - odd_high;
  }
};

struct KernelGradient {  // G': back
  static constexpr int from = kSide, to = 3;
  template <class T>
  LATENS_INLINE static void apply(const T (&t)[from], T (&g)[to]) {
    const T low = kOfLow * (t[1] + t[2]), high = kOfHigh * (t[3] + t[4]);
    g[0] = t[0] + low + high;
    g[1] = kOfLow * kLow * (t[1] - t[2]) + kOfHigh * kHigh * (t[3] - t[4]);
    g[2] = 0.5f * low + 2.0f * high + t[5];
  }
};

// A matrix times a square times the matrix transposed: get(row, column) to put(row, column, value).
template <class Matrix, class T, class Get, class Put>
LATENS_INLINE inline void both_ways(Get get, Put put) {
  T half[Matrix::to][Matrix::from];
  written_out<Matrix::from>([&](int s) LATENS_INLINE {
    T column[Matrix::from], made[Matrix::to];
    written_out<Matrix::from>([&](int r) LATENS_INLINE { column[r] = get(r, s); });
    Matrix::apply(column, made);
    written_out<Matrix::to>([&](int r) LATENS_INLINE { half[r][s] = made[r]; });
  });
  written_out<Matrix::to>([&](int r) LATENS_INLINE {
    T made[Matrix::to];
    Matrix::apply(half[r], made);
    written_out<Matrix::to>([&](int s) LATENS_INLINE { put(r, s, made[s]); });
  });
}

// The points of a tile, or of its gradient, for channels from c on; point p goes to v + p * apart.
template <class Matrix>
LATENS_INLINE inline void spread(const float* const* at, int64_t c, float* v, int64_t apart) {
  both_ways<Matrix, Lanes>(
      [&](int r, int s) LATENS_INLINE { return load(at[r * Matrix::from + s] + c); },
      [&](int r, int s, Lanes x) LATENS_INLINE { store(v + (r * kSide + s) * apart, x); });
}

// The 4x4 places of the output from the points of a tile.
LATENS_INLINE inline void gather(const float* m, int64_t apart, Lanes begin, int64_t c,
                                 float* const* at) {
  both_ways<Output, Lanes>(
      [&](int r, int s) LATENS_INLINE { return load(m + (r * kSide + s) * apart); },
      [&](int r, int s, Lanes x) LATENS_INLINE { store(at[r * kTile + s] + c, begin + x); });
}

int64_t rounded(int64_t tiles) { return (tiles + kRows - 1) / kRows * kRows; }

// Rounding errors grow with the number of terms of a sum: no more than these are added in a row.
constexpr int64_t kTerms = 32;

// m[kRows][lanes] = sum over channels i of v[row][i] * u[i][lanes].
template <int lanes>
void product(const float* v, const float* u, int64_t I, float* m, int64_t O) {
  for (int64_t from = 0; from < I; from += kTerms) {
    Lanes sums[kRows * lanes] = {};
    for (int64_t i = from; i < std::min(I, from + kTerms); ++i) {
      Lanes w[lanes];
      written_out<lanes>([&](int l) LATENS_INLINE { w[l] = load(u + (i * lanes + l) * kLanes); });
      written_out<kRows>([&](int r) LATENS_INLINE {
        const float a = v[r * I + i];
        written_out<lanes>([&](int l) LATENS_INLINE { sums[r * lanes + l] += a * w[l]; });
      });
    }
    written_out<kRows * lanes>([&](int j) LATENS_INLINE {
      float* to = m + j / lanes * O + j % lanes * kLanes;
      store(to, from ? load(to) + sums[j] : sums[j]);
    });
  }
}

// du[kFew][lanes] (+)= sum over tiles of v[tile][channel] * m[tile][lanes]; without + at first.
template <int lanes>
void outer(const float* v, int64_t I, const float* m, int64_t O, int64_t tiles, bool first,
           float* du) {
  Lanes sums[kFew * lanes] = {};
  for (int64_t k = 0; k < tiles; ++k) {
    Lanes w[lanes];
    written_out<lanes>([&](int l) LATENS_INLINE { w[l] = load(m + k * O + l * kLanes); });
    written_out<kFew>([&](int r) LATENS_INLINE {
      const float a = v[k * I + r];
      written_out<lanes>([&](int l) LATENS_INLINE { sums[r * lanes + l] += a * w[l]; });
    });
  }
  written_out<kFew * lanes>([&](int j) LATENS_INLINE {
    float* to = du + j / lanes * O + j % lanes * kLanes;
    store(to, first ? sums[j] : load(to) + sums[j]);
  });
}

// G g G' of each pair of channels: [36, panels of O, I, 32]. The kernel is [O, I, 3, 3], channels
// last; `turned` gives that of the gradient of x: turned round, I and O changed over.
Room points_of(const Tensor& kernel, bool turned) {
  const int64_t O_ = kernel.size(0), I_ = kernel.size(1);
  const int64_t O = turned ? I_ : O_, I = turned ? O_ : I_;
  const float* g = in(kernel);
  Room points(kPoints * O * I);
  torch::stable::parallel_for(0, O / kLanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin * kLanes; o < end * kLanes; o += kLanes) {
      const int64_t panel = o / kPanel * kPanel, width = std::min(kPanel, O - panel);
      for (int64_t i = 0; i < I; ++i)
        both_ways<Kernel, Lanes>(
            [&](int r, int c) LATENS_INLINE {
              const int k = 3 * r + c;
              if (turned) return load(g + (i * 9 + 8 - k) * I_ + o);
              Lanes of_O;
              for (int l = 0; l < kLanes; ++l) of_O[l] = g[((o + l) * 9 + k) * I_ + i];
              return of_O;
            },
            [&](int r, int c, Lanes x) LATENS_INLINE {
              store(points.at(((kSide * r + c) * O + panel) * I + i * width + o - panel), x);
            });
    }
  });
  return points;
}

// y = bias + x convolved with the kernel, turned or not.
void convolve(const Tensor& x_, const Tensor& kernel, bool turned, const Tensor& bias, Tensor y_) {
  const Tiled x(x_), y(y_);
  const Room points = points_of(kernel, turned);
  const int64_t I = x.channels, O = y.channels, tiles = x.tiles();
  constexpr int64_t few = 2 * kRows;  // tiles taken together: many would leave the second cache
  const float *from = in(x_), *begin_O = in(bias);
  float* to = out(y_);
  // From point to point; without the odd vector all 36 would share a few places of the first cache.
  const int64_t next_v = few * I + kLanes, next_m = few * O + kLanes;
  const int64_t chunks = (tiles + few - 1) / few;
  together(chunks, [&](auto next) {
    const Room v(kPoints * next_v), m(kPoints * next_m), scratch(O);
    const Floats none(I);
    for (int64_t chunk = next(); chunk < chunks; chunk = next()) {
      const int64_t first = chunk * few, count = std::min(few, tiles - first);
      for (int64_t k = 0; k < count; ++k) {
        const Places<kSide, const float> places(x, from, none.data(), first + k);
        for (int64_t c = 0; c < I; c += kLanes)
          spread<Input>(places.at, c, v.at(k * I + c), next_v);
      }
      for (int64_t p = 0; p < kPoints; ++p)
        std::fill(v.at(p * next_v + count * I), v.at(p * next_v + rounded(count) * I), 0.0f);
      for (int64_t p = 0; p < kPoints; ++p)
        for (int64_t o = 0; o < O; o += kPanel) {
          const float* u = points.at((p * O + o) * I);
          const auto run = O - o >= kPanel ? product<kWide> : product<1>;
          for (int64_t k = 0; k < count; k += kRows)
            run(v.at(p * next_v + k * I), u, I, m.at(p * next_m + k * O + o), O);
        }
      for (int64_t k = 0; k < count; ++k) {
        const Places<kTile, float> places(y, to, scratch.at(0), first + k);
        for (int64_t c = 0; c < O; c += kLanes)
          gather(m.at(k * O + c), next_m, load(begin_O + c), c, places.at);
      }
    }
  });
}

// The gradient of the kernel, laid out as the kernel: sums over groups of tiles, then G' du G.
void gradient(const Tensor& x_, const Tensor& dy_, Tensor dkernel) {
  const Tiled x(x_), dy(dy_);
  const int64_t I = x.channels, O = dy.channels, tiles = x.tiles();
  // Tiles taken together: as many points as sums of the kernel's gradient, for both go to memory.
  const int64_t few = std::max<int64_t>(2 * kRows, rounded(I * O / (I + O)));
  const int64_t chunks = (tiles + few - 1) / few, size = kPoints * I * O;
  const int64_t groups = std::min<int64_t>(chunks, size < 1 << 17 ? 8 : 4);
  const float *before = in(x_), *after = in(dy_);
  float* to = out(dkernel);
  const int64_t next_v = few * I + kLanes, next_m = few * O + kLanes;
  const Room parts(groups * size);
  together(groups, [&](auto next) {
    const Room v(kPoints * next_v), m(kPoints * next_m);
    const Floats none(std::max(I, O));
    for (int64_t group = next(); group < groups; group = next()) {
      float* du = parts.at(group * size);
      const int64_t begin = group * chunks / groups * few;
      const int64_t end = std::min(tiles, (group + 1) * chunks / groups * few);
      for (int64_t from = begin; from < end; from += few) {
        const int64_t count = std::min(few, end - from);
        for (int64_t k = 0; k < count; ++k) {
          const Places<kSide, const float> places(x, before, none.data(), from + k);
          for (int64_t c = 0; c < I; c += kLanes)
            spread<Input>(places.at, c, v.at(k * I + c), next_v);
          const Places<kTile, const float> over(dy, after, none.data(), from + k);
          for (int64_t c = 0; c < O; c += kLanes)
            spread<OutputGradient>(over.at, c, m.at(k * O + c), next_m);
        }
        for (int64_t p = 0; p < kPoints; ++p)
          for (int64_t o = 0; o < O; o += kPanel) {
            const auto run = O - o >= kPanel ? outer<kWide> : outer<1>;
            for (int64_t i = 0; i < I; i += kFew)
              run(v.at(p * next_v + i), I, m.at(p * next_m + o), O, count, from == begin,
                  du + (p * I + i) * O + o);
          }
      }
    }
  });
  torch::stable::parallel_for(0, I, 1, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * O; at < end * O; at += kLanes) {
      const int64_t i = at / O, o = at % O;
      both_ways<KernelGradient, Lanes>(
          [&](int r, int c) LATENS_INLINE {
            const int64_t p = r * kSide + c;
            Lanes sum = load(parts.at(p * I * O + at));
            for (int64_t group = 1; group < groups; ++group)
              sum += load(parts.at(group * size + p * I * O + at));
            return sum;
          },
          [&](int r, int c, Lanes x) LATENS_INLINE {
            for (int l = 0; l < kLanes; ++l) to[((o + l) * 9 + 3 * r + c) * I + i] = x[l];
          });
    }
  });
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def("winograd(Tensor x, Tensor kernel, bool turned, Tensor bias, Tensor(a!) y) -> ()");
  m.def("winograd_gradient(Tensor x, Tensor dy, Tensor(a!) dkernel) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("winograd", TORCH_BOX(&latens::convolve));
  m.impl("winograd_gradient", TORCH_BOX(&latens::gradient));
}
