// 3x3 convolutions of stride 1 and padding 1 with fewer multiplications: Winograd's minimal
// filtering F(2x2, 3x3), as in Lavin and Gray, Fast algorithms for convolutional neural networks,
// 2016. A tile of 2x2 places of the output comes from 4x4 of the input by 16 products for each pair
// of channels instead of 36:
//
//   y = A' [(G g G') * (B' x B)] A      ' transposes, * multiplies place by place
//
// Summed over input channels, each of the 16 "points" is a product of matrices: tiles by channels.
// Tiles are taken a few at a time, so that what lies between the steps stays in the second cache.
// Maps have their channels last and are float32; channels come in multiples of 16.
#include "lanes.h"

namespace latens {
namespace {

constexpr int kPoints = 16;
constexpr int kRows = 12, kWide = 2;  // of a block of sums in registers: tiles, and vectors of O
constexpr int kFew = 8;               // of such a block for the kernel's gradient: channels of I
constexpr int64_t kPanel = kWide * kLanes;

struct Map {
  int64_t images, channels, height, width;

  explicit Map(const Tensor& t)
      : images(t.size(0)), channels(t.size(1)), height(t.size(2)), width(t.size(3)) {}
  int64_t down() const { return (height + 1) / 2; }
  int64_t right() const { return (width + 1) / 2; }
  int64_t tiles() const { return images * down() * right(); }
};

// Where the side x side numbers of a tile lie in a map; those outside of it at `outside`.
template <int side, class T>
struct Places {
  T* at[side * side];

  Places(const Map& map, T* values, T* outside, int64_t tile) {
    const int64_t border = (side - 2) / 2, line = tile / map.right(), image = line / map.down();
    const int64_t top = line % map.down() * 2 - border, left = tile % map.right() * 2 - border;
    for (int i = 0; i < side * side; ++i) {
      const int64_t row = top + i / side, column = left + i % side;
      const bool inside = row >= 0 && row < map.height && column >= 0 && column < map.width;
      at[i] = inside ? values + ((image * map.height + row) * map.width + column) * map.channels
                     : outside;
    }
  }
};

// B' x B of a tile, for 16 channels; point p goes to v + p * apart.
LATENS_INLINE inline void spread_input(const float* const* at, int64_t c, float* v, int64_t apart) {
  Lanes t[16];
  written_out<4>([&](int s) LATENS_INLINE {
    const Lanes a = load(at[s] + c), b = load(at[4 + s] + c);
    const Lanes d = load(at[8 + s] + c), e = load(at[12 + s] + c);
    t[s] = a - d, t[4 + s] = b + d, t[8 + s] = d - b, t[12 + s] = b - e;
  });
  written_out<4>([&](int r) LATENS_INLINE {
    const Lanes a = t[4 * r], b = t[4 * r + 1], d = t[4 * r + 2], e = t[4 * r + 3];
    store(v + (4 * r) * apart, a - d);
    store(v + (4 * r + 1) * apart, b + d);
    store(v + (4 * r + 2) * apart, d - b);
    store(v + (4 * r + 3) * apart, b - e);
  });
}

// A' m A of a tile: the 2x2 places of the output.
LATENS_INLINE inline void gather_output(const float* m, int64_t apart, Lanes begin, int64_t c,
                                        float* const* at) {
  Lanes t[8];
  written_out<4>([&](int s) LATENS_INLINE {
    const Lanes a = load(m + s * apart), b = load(m + (4 + s) * apart);
    const Lanes d = load(m + (8 + s) * apart), e = load(m + (12 + s) * apart);
    t[s] = a + b + d, t[4 + s] = b - d - e;
  });
  written_out<2>([&](int r) LATENS_INLINE {
    const Lanes a = t[4 * r], b = t[4 * r + 1], d = t[4 * r + 2], e = t[4 * r + 3];
    store(at[2 * r] + c, begin + a + b + d);
    store(at[2 * r + 1] + c, begin + b - d - e);
  });
}

// A dy A' of a tile: the gradient of its 16 points.
LATENS_INLINE inline void spread_gradient(const float* const* at, int64_t c, float* m,
                                          int64_t apart) {
  Lanes t[8];
  written_out<2>([&](int s) LATENS_INLINE {
    const Lanes a = load(at[s] + c), b = load(at[2 + s] + c);
    t[s] = a, t[2 + s] = a + b, t[4 + s] = a - b, t[6 + s] = -b;
  });
  written_out<4>([&](int r) LATENS_INLINE {
    const Lanes a = t[2 * r], b = t[2 * r + 1];
    store(m + (4 * r) * apart, a);
    store(m + (4 * r + 1) * apart, a + b);
    store(m + (4 * r + 2) * apart, a - b);
    store(m + (4 * r + 3) * apart, -b);
  });
}

// How many tiles are taken together, whose points are `floats` numbers: whole blocks of rows. What
// lies between the steps is to stay in the second cache; gradients gain more from many tiles.
int64_t together(int64_t floats, int64_t between) {
  return std::max<int64_t>(1, between / (kPoints * floats * kRows)) * kRows;
}

int64_t rounded(int64_t tiles) { return (tiles + kRows - 1) / kRows * kRows; }

// sums[kRows][lanes] over i of v[row][i] * u[i][lanes].
template <int lanes>
void product(const float* v, const float* u, int64_t count, float* m, int64_t width) {
  Lanes sums[kRows * lanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    Lanes w[lanes];
    written_out<lanes>([&](int l) LATENS_INLINE { w[l] = load(u + (i * lanes + l) * kLanes); });
    written_out<kRows>([&](int r) LATENS_INLINE {
      const float a = v[r * count + i];
      written_out<lanes>([&](int l) LATENS_INLINE { sums[r * lanes + l] += a * w[l]; });
    });
  }
  written_out<kRows * lanes>([&](int j) LATENS_INLINE {
    store(m + j / lanes * width + j % lanes * kLanes, sums[j]);
  });
}

// du[kFew][lanes] += sum over tiles of v[tile][channel] * m[tile][lanes].
template <int lanes>
void outer(const float* v, int64_t I, const float* m, int64_t O, int64_t tiles, float* du) {
  Lanes sums[kFew * lanes];
  written_out<kFew * lanes>([&](int j) LATENS_INLINE {
    sums[j] = load(du + j / lanes * O + j % lanes * kLanes);
  });
  for (int64_t k = 0; k < tiles; ++k) {
    Lanes w[lanes];
    written_out<lanes>([&](int l) LATENS_INLINE { w[l] = load(m + k * O + l * kLanes); });
    written_out<kFew>([&](int r) LATENS_INLINE {
      const float a = v[k * I + r];
      written_out<lanes>([&](int l) LATENS_INLINE { sums[r * lanes + l] += a * w[l]; });
    });
  }
  written_out<kFew * lanes>([&](int j) LATENS_INLINE {
    store(du + j / lanes * O + j % lanes * kLanes, sums[j]);
  });
}

// y = bias + x convolved with a kernel that `points` has made [16, panels of O, I, 32].
void convolve(const Tensor& x_, const Tensor& points, const Tensor& bias, Tensor y_) {
  const Map x(x_), y(y_);
  const int64_t I = x.channels, O = y.channels, few = together(I + O, 1 << 17), tiles = x.tiles();
  // From point to point; without the odd vector all 16 would share a few places of the first cache.
  const int64_t next_v = few * I + kLanes, next_m = few * O + kLanes;
  torch::stable::parallel_for(0, (tiles + few - 1) / few, 1, [&](int64_t begin, int64_t end) {
    const Room v(kPoints * next_v), m(kPoints * next_m), scratch(O);
    const Floats none(I);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t from = chunk * few, count = std::min(few, tiles - from);
      for (int64_t k = 0; k < count; ++k) {
        const Places<4, const float> places(x, in(x_), none.data(), from + k);
        for (int64_t c = 0; c < I; c += kLanes)
          spread_input(places.at, c, v.at(k * I + c), next_v);
      }
      for (int64_t p = 0; p < kPoints; ++p)
        std::fill(v.at(p * next_v + count * I), v.at(p * next_v + rounded(count) * I), 0.0f);
      for (int64_t p = 0; p < kPoints; ++p)
        for (int64_t o = 0; o < O; o += kPanel) {
          const float* u = in(points) + (p * O + o) * I;
          const auto run = O - o >= kPanel ? product<kWide> : product<1>;
          for (int64_t k = 0; k < count; k += kRows)
            run(v.at(p * next_v + k * I), u, I, m.at(p * next_m + k * O + o), O);
        }
      for (int64_t k = 0; k < count; ++k) {
        const Places<2, float> places(y, out(y_), scratch.at(0), from + k);
        for (int64_t c = 0; c < O; c += kLanes)
          gather_output(m.at(k * O + c), next_m, load(in(bias) + c), c, places.at);
      }
    }
  });
}

// G g G' of each pair of channels. The kernel is [O, 3, 3, I]; `turned` gives that of the gradient
// of x: turned round, input and output channels changed over.
void points_of(const Tensor& kernel, bool turned, Tensor points) {
  const int64_t O_ = kernel.size(0), I_ = kernel.size(3);
  const int64_t O = turned ? I_ : O_, I = turned ? O_ : I_;
  const float* g = in(kernel);
  float* u = out(points);
  torch::stable::parallel_for(0, O / kLanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin * kLanes; o < end * kLanes; ++o) {
      const int64_t panel = o / kPanel * kPanel, width = std::min(kPanel, O - panel);
      for (int64_t i = 0; i < I; ++i) {
        float d[9], t[12];
        for (int k = 0; k < 9; ++k)
          d[k] = turned ? g[(i * 9 + 8 - k) * I_ + o] : g[(o * 9 + k) * I_ + i];
        for (int s = 0; s < 3; ++s) {
          t[s] = d[s], t[9 + s] = d[6 + s];
          t[3 + s] = (d[s] + d[3 + s] + d[6 + s]) / 2;
          t[6 + s] = (d[s] - d[3 + s] + d[6 + s]) / 2;
        }
        float* to = u + panel * I + i * width + (o - panel);
        for (int r = 0; r < 4; ++r) {
          const float a = t[3 * r], b = t[3 * r + 1], e = t[3 * r + 2];
          const float four[] = {a, (a + b + e) / 2, (a - b + e) / 2, e};
          for (int s = 0; s < 4; ++s) to[(4 * r + s) * O * I] = four[s];
        }
      }
    }
  });
}

// The gradient of the kernel, as [3, 3, I, O]: sums over groups of tiles, then G' du G.
void gradient(const Tensor& x_, const Tensor& dy_, Tensor dkernel) {
  const Map x(x_), dy(dy_);
  const int64_t I = x.channels, O = dy.channels, few = together(I + O, 1 << 18), tiles = x.tiles();
  const int64_t chunks = (tiles + few - 1) / few, size = kPoints * I * O;
  const int64_t groups = std::min(chunks, std::clamp<int64_t>((1 << 20) / size, 4, 16));
  const int64_t next_v = few * I + kLanes, next_m = few * O + kLanes;
  const Room parts(groups * size);
  torch::stable::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
    const Room v(kPoints * next_v), m(kPoints * next_m);
    const Floats none(std::max(I, O));
    std::fill(parts.at(begin * size), parts.at(end * size), 0.0f);
    for (int64_t chunk = begin * chunks / groups; chunk < end * chunks / groups; ++chunk) {
      // The group of a chunk is the last that begins no later.
      const int64_t group = ((chunk + 1) * groups - 1) / chunks;
      float* du = parts.at(group * size);
      const int64_t from = chunk * few, count = std::min(few, tiles - from);
      for (int64_t k = 0; k < count; ++k) {
        const Places<4, const float> places(x, in(x_), none.data(), from + k);
        for (int64_t c = 0; c < I; c += kLanes)
          spread_input(places.at, c, v.at(k * I + c), next_v);
        const Places<2, const float> over(dy, in(dy_), none.data(), from + k);
        for (int64_t c = 0; c < O; c += kLanes)
          spread_gradient(over.at, c, m.at(k * O + c), next_m);
      }
      for (int64_t p = 0; p < kPoints; ++p)
        for (int64_t o = 0; o < O; o += kPanel) {
          const auto run = O - o >= kPanel ? outer<kWide> : outer<1>;
          for (int64_t i = 0; i < I; i += kFew)
            run(v.at(p * next_v + i), I, m.at(p * next_m + o), O, count,
                du + (p * I + i) * O + o);
        }
    }
  });
  torch::stable::parallel_for(0, I, 1, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * O; at < end * O; at += kLanes) {
      Lanes u[kPoints], t[12];
      for (int p = 0; p < kPoints; ++p) {
        u[p] = load(parts.at(p * I * O + at));
        for (int64_t group = 1; group < groups; ++group)
          u[p] += load(parts.at(group * size + p * I * O + at));
      }
      written_out<4>([&](int s) LATENS_INLINE {
        const Lanes half = (u[4 + s] + u[8 + s]) * 0.5f;
        t[s] = u[s] + half, t[4 + s] = (u[4 + s] - u[8 + s]) * 0.5f, t[8 + s] = half + u[12 + s];
      });
      written_out<3>([&](int r) LATENS_INLINE {
        const Lanes half = (t[4 * r + 1] + t[4 * r + 2]) * 0.5f;
        float* to = out(dkernel) + 3 * r * I * O + at;
        store(to, t[4 * r] + half);
        store(to + I * O, (t[4 * r + 1] - t[4 * r + 2]) * 0.5f);
        store(to + 2 * I * O, half + t[4 * r + 3]);
      });
    }
  });
}

}  // namespace
}  // namespace latens

STABLE_TORCH_LIBRARY_FRAGMENT(latens, m) {
  m.def("winograd_points(Tensor kernel, bool turned, Tensor(a!) points) -> ()");
  m.def("winograd(Tensor x, Tensor points, Tensor bias, Tensor(a!) y) -> ()");
  m.def("winograd_gradient(Tensor x, Tensor dy, Tensor(a!) dkernel) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(latens, CPU, m) {
  m.impl("winograd_points", TORCH_BOX(&latens::points_of));
  m.impl("winograd", TORCH_BOX(&latens::convolve));
  m.impl("winograd_gradient", TORCH_BOX(&latens::gradient));
}
