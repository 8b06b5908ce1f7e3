/* What is too many to be counted follows its differential equations (Rodas5P) while counted cells are held in place. */
#define FACTORS @FACTORS@
#define STAGES 8
#define LEAST 1e-12
#define MOST_STEPS 100000
#define ROOM (AROUND + 1 + ROWS)

static __attribute__((noinline)) void slope(const V *restrict Y, const V *restrict R, V *restrict F) {
@SLOPE@
}
/* Slopes, and the Jacobian with its sign changed. */
static __attribute__((noinline)) void linearise(const V *restrict Y, const V *restrict R, V *restrict F, V *restrict W) {
@LINEARISE@
}
static __attribute__((noinline)) void decompose(V *restrict W) {
@DECOMPOSE@
}
static __attribute__((noinline)) void solve(const V *restrict W, V *restrict B) {
@SOLVE@
}
static const int ROW[FACTORS] = {@ROW@}, COLUMN[FACTORS] = {@COLUMN@}, DIAGONAL[STATES] = {@DIAGONAL@};
static const double STAGE_A[STAGES][STAGES] = {@STAGE_A@}, STAGE_C[STAGES][STAGES] = {@STAGE_C@}, DENSE[3][STAGES] = {@DENSE@};
static const int NONE[STATES];

/* A solution from t to t + h, used up to end in pieces of equal length; few are the states that are counted in it. */
typedef struct Step { double t, h, end; int pieces, few[STATES]; int64_t around; double Y[STATES], Y1[STATES], F[STATES], D[3][STATES]; } Step;
/* The deterministic course, shared by replicates until they go their own way. For each piece: what events need of the
   surroundings, whether their rates are proportional to cells, and then the rates for each cell. */
typedef struct Path { Step *step; int64_t count, room; double *around; int64_t filled, space; } Path;

static double between(const Step *s, int m, double th) {
  double om = 1.0 - th;
  return om * s->Y[m] + th * (s->Y1[m] + om * (s->D[0][m] + th * (s->D[1][m] + th * s->D[2][m]))); }

static void dense(const Step *s, double t, const int *held, double *Y) {
  double th = (t - s->t) / s->h;
  for (int m = 0; m < STATES; m++) Y[m] = held[m] ? Y[m] : between(s, m, th); }

/* Tries a step of length s->h; returns the mean square of the error over what is tolerated. */
static double attempt(Step *s, const int *held, const double *R, const Task *a) {
  double W[FACTORS], K[STAGES][STATES], U[STATES], ih = 1.0 / s->h, sum = 0.0;
  linearise((V *)s->Y, (V *)R, (V *)s->F, (V *)W);
  for (int e = 0; e < FACTORS; e++) if (held[ROW[e]] || held[COLUMN[e]]) W[e] = 0.0;
  for (int m = 0; m < STATES; m++) { W[DIAGONAL[m]] += ih * @INVERSE_GAMMA@; K[0][m] = held[m] ? 0.0 : s->F[m]; }
  decompose((V *)W);
  solve((V *)W, (V *)K[0]);
  for (int i = 1; i < STAGES; i++) {
    memcpy(U, s->Y, sizeof U);
    for (int j = 0; j < i; j++) for (int m = 0; m < STATES; m++) U[m] += STAGE_A[i][j] * K[j][m];
    slope((V *)U, (V *)R, (V *)K[i]);
    for (int j = 0; j < i; j++) for (int m = 0; m < STATES; m++) K[i][m] += ih * STAGE_C[i][j] * K[j][m];
    for (int m = 0; m < STATES; m++) if (held[m]) K[i][m] = 0.0;
    solve((V *)W, (V *)K[i]); }
  for (int m = 0; m < STATES; m++) {
    s->Y1[m] = U[m] + K[STAGES - 1][m];
    double e = K[STAGES - 1][m] / (a->rtol * (a->atol[m] + fmax(fabs(s->Y[m]), fabs(s->Y1[m]))));
    sum += e * e;
    for (int q = 0; q < 3; q++) {
      s->D[q][m] = 0.0;
      for (int j = 0; j < STAGES; j++) s->D[q][m] += DENSE[q][j] * K[j][m]; } }
  return sum / STATES; }

/* A step from s->Y at s->t, to stop at the furthest; *h is the length to try, and then the length to try next. */
static int advance(Step *s, double *h, double stop, const int *held, const double *R, const Task *a, int *place) {
  for (int rejected = 0;; rejected = 1) {
    double left = stop - s->t; int hit = *h >= left * (1 - 1e-12);
    s->h = hit ? left : *h > 0.5 * left ? 0.5 * left : *h;
    double error = attempt(s, held, R, a), grow = 0.9 * vpow(vset(fmax(error, 1e-30)), vset(-0.1))[0];
    if (error <= 1.0) {
      grow = fmin(fmax(grow, 0.2), rejected ? 1.0 : 6.0);
      if (!hit || grow < 1.0 || s->h * grow > *h) *h = s->h * grow;
      s->end = hit ? stop : s->t + s->h;
      return FINE; }
    *h = s->h * (grow > 0.1 && error < 1e300 ? grow : 0.1);
    if (*h < LEAST) {
      for (*place = 0; *place < STATES - 1 && isfinite(s->Y1[*place]); ++*place);
      return NOT_SOLVED; } } }

/* Ends a step where the first of the followed states that can be counted has become few. */
static void end_where_few(Step *s, double few) {
  for (int m = 0; m < STATES; m++) if (COUNTED[m] && !s->few[m]) {
    double Y[STATES], low = s->t, high = s->end;
    dense(s, high, s->few, Y);
    if (Y[m] > few) continue;
    while (high - low > 1e-9 * s->h) {
      double middle = 0.5 * (low + high);
      dense(s, middle, s->few, Y);
      *(Y[m] > few ? &low : &high) = middle; }
    s->end = high; } }

/* Pieces so short that the speed of what happens to a counted state changes by at most the share a->change within
   one. Speeds are compared as if there were at least one cell of each kind. */
static int pieces_of(const Step *s, const int *held, const double *R, const Task *a) {
  double A[3][EVENTS + 1], E[AROUND], Y[STATES], worst = 0.0;
  for (int q = 0; q < 3; q++) {
    memcpy(Y, s->Y, sizeof Y);
    dense(s, s->t + 0.5 * q * (s->end - s->t), held, Y);
    for (int m = 0; m < STATES; m++) if (COUNTED[m]) Y[m] = fmax(Y[m], 1.0);
    surround((V *)Y, (V *)R, (V *)E); rates((V *)Y, (V *)E, (V *)A[q]); }
  for (int m = 0; m < STATES; m++) if (s->few[m]) {
    double speed[3] = {0.0, 0.0, 0.0}, moved = 0.0;
    for (int k = 0; k < EVENTS; k++) for (int i = FIRST[k]; i < FIRST[k + 1]; i++) if (WHERE[i] == m) {
      for (int q = 0; q < 3; q++) speed[q] += fabs(A[q][k]);
      moved += fabs(A[1][k] - A[0][k]) + fabs(A[2][k] - A[1][k]); }
    if (moved > 0.0) worst = fmax(worst, moved / fmax(speed[0], fmax(speed[1], speed[2]))); }
  return 1 + (int)(worst / a->change); }

/* The surroundings in the middle of a piece stand for the whole of it. */
static double middle_of(const Step *s, int piece) { return s->t + (s->end - s->t) * (piece + 0.5) / s->pieces; }

/* Rates for each cell, where however many counted cells move none of them by more than the second order of a->change,
   compared with all that happens to a cell of its kind. */
static int each_of(const double *Y, const double *E, const int *few, const Task *a, double *each) {
  double A[EVENTS + 1], Z[STATES], all[STATES] = {0.0};
  for (int probe = -2; probe < STATES; probe++) if (probe < 0 || few[probe]) {
    for (int m = 0; m < STATES; m++) Z[m] = !few[m] ? Y[m] : probe == -1 || probe == m ? HYSTERESIS * a->few : 1.0;
    rates((V *)Z, (V *)E, (V *)A);
    for (int k = 0; k < EVENTS; k++) if (PROPORTIONAL[k] && probe == -2) {
      each[k] = A[k] / Z[MOTHER[k]]; all[MOTHER[k]] += fabs(each[k]); }
    for (int k = 0; k < EVENTS; k++) if (PROPORTIONAL[k])
      if (!(fabs(A[k] / Z[MOTHER[k]] - each[k]) <= a->change * a->change * all[MOTHER[k]])) return 0; }
  return 1; }

static void keep_pieces(Path *path, Step *s, const Task *a, const double *R) {
  double Y[STATES];
  if (path->filled + s->pieces > path->space) {
    path->space = 2 * (path->filled + s->pieces);
    path->around = realloc(path->around, path->space * ROOM * sizeof(double)); }
  s->around = path->filled;
  for (int piece = 0; piece < s->pieces; piece++) {
    double *room = &path->around[path->filled++ * ROOM];
    dense(s, middle_of(s, piece), NONE, Y);
    surround((V *)Y, (V *)R, (V *)room);
    memset(room + AROUND, 0, (1 + ROWS) * sizeof(double));
    room[AROUND] = each_of(Y, room, s->few, a, room + AROUND + 1); } }

static int travel(Path *path, const Task *a, Course *c) {
  double last = a->day[a->days - 1], h = FIRST_STEP, Y[STATES]; int few[STATES] = {0}; int64_t dose = 0;
  memcpy(Y, a->start, sizeof Y);
  for (c->t = a->begin;;) {
    dose = give(a, dose, c->t, Y, &h);
    int any = 0;
    for (int m = 0; m < STATES; m++) any |= few[m] |= COUNTED[m] && Y[m] <= a->few;
    if (c->t >= last || (any && !a->shared) || RESPONSES) return FINE;
    if (path->count == path->room) path->step = realloc(path->step, (path->room = 2 * path->room + 64) * sizeof(Step));
    if (path->count == MOST_STEPS) return NOT_SOLVED;
    Step *s = &path->step[path->count++];
    s->t = c->t; memcpy(s->Y, Y, sizeof Y); memcpy(s->few, few, sizeof few);
    int code = advance(s, &h, stop_of(a, dose), NONE, c->R, a, &c->place);
    if (code) return code;
    end_where_few(s, a->few);
    s->pieces = any ? pieces_of(s, NONE, c->R, a) : 1;
    keep_pieces(path, s, a, c->R);
    c->t = s->end; dense(s, s->end, NONE, Y); } }

static void forget(Path *path) { free(path->step); free(path->around); }

/* Decides which states are counted from now on; what becomes counted is rounded up or down by chance, its mean kept. */
static int partition(Course *c, const Task *a, const Path *path) {
  const int *few = c->own || c->next == path->count ? 0 : path->step[c->next].few;
  for (int m = 0; m < STATES; m++) if (COUNTED[m]) {
    int was = c->single[m];
    if (was && c->Y[m] > HYSTERESIS * a->few) { c->single[m] = 0; c->own = 1; }
    else if (was || (few ? few[m] : c->Y[m] <= a->few)) {
      double whole = floor(c->Y[m]), rest = c->Y[m] - whole;
      c->single[m] = 1;
      c->Y[m] = fmax(whole + (rest > 0.0 && uniform(&c->luck) < rest), 0.0);
      if (!a->shared) c->own = 1; } }
  c->outgrown = 0;
  for (int k = 0; k < EVENTS; k++) {
    c->live[k] = 0.0;
    for (int i = FIRST[k]; i < FIRST[k + 1]; i++) if (c->single[WHERE[i]]) c->live[k] = 1.0; }
  return FINE; }

static int move(Course *c, const Task *a, const Path *path, Step *s, double stop) {
  if (!c->own && c->next < path->count) { c->step = &path->step[c->next++]; return FINE; }
  c->steps = c->happened == c->before ? c->steps + 1 : 0;
  c->before = c->happened;
  if (c->steps > MOST_STEPS) return NOT_SOLVED;
  c->own = 1; c->step = s;
  s->t = c->t; memcpy(s->Y, c->Y, sizeof c->Y); memcpy(s->few, c->single, sizeof c->single);
  int code = advance(s, &c->h, stop, c->single, c->R, a, &c->place);
  if (code) return code;
  end_where_few(s, a->few);
  s->pieces = pieces_of(s, c->single, c->R, a);
  return FINE; }

static void stand(const Course *c, double t, double *Y) { dense(c->step, t, c->single, Y); }

static void enter(Course *c, const Path *path, int piece) {
  const Step *s = c->step; double t = middle_of(s, piece);
  c->each = 0;
  if (c->own) {
    stand(c, t, c->Y);
    surround((V *)c->Y, (V *)c->R, (V *)c->E);
    c->around = c->E;
    return; }
  for (int m = 0; m < STATES; m++) if (COUNTED[m] && !c->single[m]) c->Y[m] = between(s, m, (t - s->t) / s->h);
  c->around = &path->around[(s->around + piece) * ROOM];
  if (c->around[AROUND]) c->each = c->around + AROUND + 1; }

/* Whether the cells that came and went since the step began would, by its end, move the surroundings too far. */
static int lags(const Course *c, const Task *a) {
  const Step *s = c->step; double Y[STATES], F[STATES];
  if (!c->own) return 0;
  for (int m = 0; m < STATES; m++) Y[m] = c->single[m] ? c->Y[m] : s->Y[m];
  slope((V *)Y, (V *)c->R, (V *)F);
  for (int m = 0; m < STATES; m++) if (!c->single[m])
    if (fabs(F[m] - s->F[m]) * (s->end - c->t) > a->change * (a->atol[m] + fabs(s->Y[m]))) return 1;
  return 0; }
