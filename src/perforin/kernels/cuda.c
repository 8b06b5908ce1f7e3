/* CUDA: what vector.c computes with, for one patient per thread. V is one double; M and N are its bits, signed and not. */
typedef signed char int8_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define restrict __restrict__
#define INFINITY __builtin_bit_cast(double, 0x7ff0000000000000LL)
#define NAN __builtin_bit_cast(double, 0x7ff8000000000000LL)
#define __builtin_sqrt sqrt

struct V {
  double x;
  V() = default;
  V(double value) : x(value) {}
  double &operator[](int) { return x; }
  double operator[](int) const { return x; }
  friend V operator+(V a, V b) { return a.x + b.x; }
  friend V operator-(V a, V b) { return a.x - b.x; }
  friend V operator*(V a, V b) { return a.x * b.x; }
  friend V operator/(V a, V b) { return a.x / b.x; }
  friend V operator+(V a) { return a; }
  friend V operator-(V a) { return -a.x; }
  V &operator+=(V b) { x += b.x; return *this; }
  V &operator-=(V b) { x -= b.x; return *this; } };

template <class Whole> struct Bits {
  Whole x;
  Bits() = default;
  Bits(Whole value) : x(value) {}
  explicit Bits(V value) : x(__double_as_longlong(value.x)) {}
  explicit operator V() const { return __longlong_as_double(x); }
  Whole &operator[](int) { return x; }
  Whole operator[](int) const { return x; }
  friend Bits operator&(Bits a, Bits b) { return a.x & b.x; }
  friend Bits operator|(Bits a, Bits b) { return a.x | b.x; }
  friend Bits operator^(Bits a, Bits b) { return a.x ^ b.x; }
  friend Bits operator+(Bits a, Bits b) { return a.x + b.x; }
  friend Bits operator-(Bits a, Bits b) { return a.x - b.x; }
  friend Bits operator~(Bits a) { return ~a.x; }
  friend Bits operator<<(Bits a, int by) { return a.x << by; }
  friend Bits operator>>(Bits a, int by) { return a.x >> by; }
  Bits &operator&=(Bits b) { x &= b.x; return *this; }
  Bits &operator|=(Bits b) { x |= b.x; return *this; } };
typedef Bits<int64_t> M;
typedef Bits<uint64_t> N;

static inline M truth(bool it_is) { return it_is ? -1LL : 0LL; }
static inline M operator<(V a, V b) { return truth(a.x < b.x); }
static inline M operator>(V a, V b) { return truth(a.x > b.x); }
static inline M operator<=(V a, V b) { return truth(a.x <= b.x); }
static inline M operator>=(V a, V b) { return truth(a.x >= b.x); }
static inline M operator==(V a, V b) { return truth(a.x == b.x); }
static inline M operator!=(V a, V b) { return truth(a.x != b.x); }
