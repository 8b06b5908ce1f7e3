/* Events one by one (Gillespie's direct method); random numbers from Philox 4x32-10, keyed as in streams.py. */
#define STATES @STATES@
#define PARAMETERS @PARAMETERS@
#define FIXED @FIXED@
#define AROUND @AROUND@
#define OUTPUTS @OUTPUTS@
#define EVENTS @EVENTS@
#define BLOCKS 16

static const int COUNTED[STATES] = {@COUNTED@}, FIRST[EVENTS + 1] = {@FIRST@}, WHERE[] = {@WHERE@};
static const double CHANGE[] = {@CHANGE@};

static void derive(const V *restrict P, V *restrict R) {
@DERIVE@
}
static void surround(const V *restrict Y, const V *restrict R, V *restrict E) {
@SURROUND@
}
static void rates(const V *restrict Y, const V *restrict R, V *restrict A) {
@RATES@
}
static void observe(const V *restrict Y, const V *restrict R, V *restrict O) {
@OBSERVE@
}

typedef struct { uint32_t key[2], counter[4]; int used; double number[2 * BLOCKS]; } Luck;

static void refill(Luck *luck) {
  uint32_t w[4][BLOCKS], k0 = luck->key[0], k1 = luck->key[1];
  for (int i = 0; i < BLOCKS; i++) {
    w[0][i] = luck->counter[0]; w[1][i] = luck->counter[1]; w[2][i] = luck->counter[2]; w[3][i] = luck->counter[3] + i; }
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int i = 0; i < BLOCKS; i++) {
      uint64_t a = (uint64_t)w[0][i] * 0xD2511F53u, c = (uint64_t)w[2][i] * 0xCD9E8D57u;
      w[0][i] = (uint32_t)(c >> 32) ^ w[1][i] ^ k0; w[1][i] = (uint32_t)c;
      w[2][i] = (uint32_t)(a >> 32) ^ w[3][i] ^ k1; w[3][i] = (uint32_t)a; }
  for (int i = 0; i < BLOCKS; i++) {
    luck->number[2 * i] = ((double)(((uint64_t)w[0][i] << 20) | (w[1][i] >> 12)) + 0.5) * 0x1p-52;
    luck->number[2 * i + 1] = ((double)(((uint64_t)w[2][i] << 20) | (w[3][i] >> 12)) + 0.5) * 0x1p-52; }
  luck->counter[3] += BLOCKS; luck->used = 0; }

static inline double uniform(Luck *luck) {
  if (luck->used == 2 * BLOCKS) refill(luck);
  return luck->number[luck->used++]; }

static inline double exponential(Luck *luck) { return -vlog(vset(uniform(luck)))[0]; }

typedef struct {
  const double *parameters, *start; double begin; int64_t doses; const double *when, *add; const int32_t *column, *state;
  const double *keep; int64_t days; const double *day; uint32_t key[2]; int64_t patient, first, replicates, most;
  double *out; int64_t *happened; int64_t failed; double failed_day; int32_t code, place; } Task;

enum { FINE, NEGATIVE_RATE, NOT_FINITE, BELOW_ZERO, RUNAWAY, NOT_WHOLE };

typedef struct { V Y[STATES], E[AROUND], R[FIXED], A[EVENTS + 1]; double t, total; Luck luck; int64_t happened; int place; } Course;

static int propensities(Course *c) {
  rates(c->Y, c->E, c->A);
  c->total = 0.0;
  for (int k = 0; k < EVENTS; k++) {
    double a = c->A[k][0];
    if (!(a >= 0.0)) { c->place = k; return a < 0.0 ? NEGATIVE_RATE : NOT_FINITE; }
    c->total += a; }
  if (!isfinite(c->total)) { c->place = 0; return NOT_FINITE; }
  return FINE; }

static int happen(Course *c) {
  double left = uniform(&c->luck) * c->total; int k = 0;
  for (int last = 0; k < EVENTS; k++) {
    if (c->A[k][0] > 0.0) last = k;
    left -= c->A[k][0];
    if (left < 0.0) break;
    if (k == EVENTS - 1) { k = last; break; } }
  for (int i = FIRST[k]; i < FIRST[k + 1]; i++) {
    double y = c->Y[WHERE[i]][0] += CHANGE[i];
    if (y < 0.0) { c->place = k; return BELOW_ZERO; } }
  c->happened++;
  return FINE; }

static void write(Course *c, const Task *a, int64_t d, double *out) {
  V O[OUTPUTS];
  observe(c->Y, c->R, O);
  for (int o = 0; o < OUTPUTS; o++) out[d * OUTPUTS + o] = O[o][0]; }

static int course(Course *c, const Task *a, double *out) {
  int64_t due = 0, dose = 0; int code;
  for (int i = 0; i < STATES; i++) c->Y[i] = vset(a->start[i]);
  c->t = a->begin; c->happened = 0;
  for (; due < a->days && a->day[due] < c->t; due++) for (int o = 0; o < OUTPUTS; o++) out[due * OUTPUTS + o] = NAN;
  while (due < a->days) {
    for (; dose < a->doses && a->when[dose] <= c->t; dose++) {
      int column = a->column[dose], s = a->state[column];
      double y = c->Y[s][0] = c->Y[s][0] * a->keep[column] + a->add[dose];
      if (y != floor(y) || y < 0.0) { c->place = s; return NOT_WHOLE; } }
    double stop = dose < a->doses ? a->when[dose] : INFINITY;
    for (;;) {
      if ((code = propensities(c))) return code;
      double next = c->total > 0.0 ? c->t + exponential(&c->luck) / c->total : INFINITY;
      double until = next < stop ? next : stop;
      for (; due < a->days && a->day[due] < until; due++) write(c, a, due, out);
      if (due == a->days) return FINE;
      c->t = until;
      if (next >= stop) break;
      if ((code = happen(c))) return code;
      if (c->happened >= a->most) return RUNAWAY; } }
  return FINE; }

int perforin_courses(Task *a) {
  Course c; V P[PARAMETERS];
  for (int i = 0; i < PARAMETERS; i++) P[i] = vset(a->parameters[i]);
  derive(P, c.R);
  for (int64_t r = 0; r < a->replicates; r++) {
    uint64_t who = (uint64_t)a->patient;
    c.luck = (Luck){{a->key[0], a->key[1]}, {(uint32_t)who, (uint32_t)(who >> 32), (uint32_t)(a->first + r), 0}, 2 * BLOCKS, {0}};
    surround(c.Y, c.R, c.E);
    int code = course(&c, a, a->out + r * a->days * OUTPUTS);
    a->happened[r] = c.happened;
    if (code) { a->code = code; a->place = c.place; a->failed = a->first + r; a->failed_day = c.t; return code; } }
  return 0; }
