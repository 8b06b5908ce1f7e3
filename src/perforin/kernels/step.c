/* One step of Rodas5P for every lane, and what lies between its ends. */
#define STATES @STATES@
#define PARAMETERS @PARAMETERS@
#define FIXED @FIXED@
#define OUTPUTS @OUTPUTS@
#define FACTORS @FACTORS@
#define DENSE @DENSE@
#define EVENTS @EVENTS@
#define RUNNING @RUNNING@
#define STAGES 8
#define QUARTERS 4

static __attribute__((noinline)) void derive(const V *restrict P, V *restrict R) {
@DERIVE@
}
/* Adds the slopes to F. */
static __attribute__((noinline)) void slope(const V *restrict Y, const V *restrict R, V *restrict F) {
@SLOPE@
}
static __attribute__((noinline)) void linearise(const V *restrict Y, const V *restrict R, V ihg, V *restrict F, V *restrict W) {
@LINEARISE@
}
static __attribute__((noinline)) void decompose(V *restrict W) {
@DECOMPOSE@
}
static __attribute__((noinline)) void solve(const V *restrict W, V *restrict B) {
@SOLVE@
}
static __attribute__((noinline)) void observe(const V *restrict Y, const V *restrict R, V *restrict O) {
@OBSERVE@
}
static const double DENSE_C[3][STAGES] = {@DENSE_C@};
static const int SEEN[DENSE + 1] = {@SEEN@}, PIVOT[STATES] = {@PIVOT@};

static __attribute__((noinline)) void step(const V *restrict Y, const V *restrict R, V h, V *restrict W, V *restrict Y1, V (*restrict K)[STATES]) {
  V U[STATES], ih = 1.0 / h;
  linearise(Y, R, ih * @INVERSE_GAMMA@, K[0], W);
  decompose(W);
  solve(W, K[0]);
@STAGES_C@
  for (int m = 0; m < STATES; m++) Y1[m] = U[m] + K[7][m]; }

typedef struct {
  int64_t count; const int64_t *who; const double *parameters, *start, *begin;
  int64_t events; const double *when, *add; const int32_t *column; int64_t stride; const int32_t *state; const double *keep;
  int64_t days; const double *day; double rtol; const double *atol; double first, least; int32_t most;
  double *out; int8_t *code; int32_t *place, *steps; double *failed;
  int64_t edges; const double *edge; int64_t watches; const int32_t *kind, *watched; const double *from, *until, *level;
  double *reduced, *fired; int32_t together; } Task;

typedef struct {
  V Y[STATES], Y1[STATES], R[FIXED], K[STAGES][STATES], W[FACTORS], t;
  V D[3][DENSE + 1], U[STATES], O[OUTPUTS], P[PARAMETERS];
  double h[LANES], stop[LANES]; int64_t id[LANES], event[LANES], due[LANES]; int rejected[LANES], fresh[LANES], n[LANES], ready;
  V X[QUARTERS + 1][OUTPUTS], *kept; int unseen;
  V Q[RUNNING + 1], E[RUNNING + 1]; M held[EVENTS + 1]; int happened[EVENTS + 1][LANES]; } Work;
#define LANE(A, i, l) (((double *)&(A)[i])[l])

/* After a jump nothing is known about the step. */
static void begin_anew(Work *w, const Task *a, int l) { w->h[l] = a->first; w->rejected[l] = 0; w->fresh[l] = w->unseen = 1; }

static int some(M m) { int64_t any = 0; for (int l = 0; l < LANES; l++) any |= m[l]; return any != 0; }

/* The states that outputs and conditions read, the fraction th of the step behind (dense output of order 4); at 1 they
   are those of the step's end to the last bit. */
static void between(Work *w, V th) {
  if (!w->ready) {
    for (int q = 0; q < 3; q++) for (int s = 0; s < DENSE; s++) {
      int m = SEEN[s]; V x = DENSE_C[q][0] * w->K[0][m];
      for (int j = 1; j < STAGES; j++) x = x + DENSE_C[q][j] * w->K[j][m];
      w->D[q][s] = x; }
    w->ready = 1; }
  V om = 1.0 - th;
  for (int s = 0; s < DENSE; s++) { int m = SEEN[s];
    w->U[m] = om * w->Y[m] + th * (w->Y1[m] + om * (w->D[0][s] + th * (w->D[1][s] + th * w->D[2][s]))); } }
