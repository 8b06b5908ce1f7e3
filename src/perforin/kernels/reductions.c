/* What a course has shown, kept per lane while it is solved, so that no trajectory need be stored. Each step is looked
   at on its quarters; what lies between them is found on the dense output. */
#define KEPT 5
#define HALVINGS 40
enum { PEAK, NADIR, AREA, CROSSINGS };

static V output_at(Work *w, V th, int o) { between(w, th); observe(w->U, w->R, w->O); return w->O[o]; }

static void forget(Work *w, const Task *a, int l) {
  static const double empty[4][KEPT] = {{-INFINITY, NAN}, {INFINITY, NAN}, {0.0}, {INFINITY, -INFINITY, INFINITY, -INFINITY, 0.0}};
  for (int64_t r = 0; r < a->watches; r++) for (int k = 0; k < KEPT; k++) LANE(w->kept, r * KEPT + k, l) = empty[a->kind[r]][k];
  w->unseen = 1; }

static void hand_over(const Work *w, const Task *a, int l) {
  double *to = a->reduced + w->id[l] * a->watches * KEPT;
  for (int64_t i = 0; i < a->watches * KEPT; i++) to[i] = LANE(w->kept, i, l); }

/* The highest value of sign * output and its day: on the quarters first, then at the vertex of the parabola through the
   three around the highest, and once more through three points around that. */
static void extreme(Work *w, V *kept, int o, double sign, M on, V h, V share) {
  V x[QUARTERS + 1], quarter = share * (1.0 / QUARTERS);
  for (int j = 0; j <= QUARTERS; j++) x[j] = sign * w->X[j][o];
  V high = x[0], at = vset(0.0), left = x[0], middle = x[1], right = x[2], centre = vset(1.0);
  for (int j = 1; j <= QUARTERS; j++) {
    M up = x[j] > high; int c = j < QUARTERS ? j : QUARTERS - 1;
    high = vsel(up, x[j], high); at = vsel(up, vset(j), at);
    left = vsel(up, x[c - 1], left); middle = vsel(up, x[c], middle); right = vsel(up, x[c + 1], right); centre = vsel(up, vset(c), centre); }
  V best = sign * kept[0];
  M better = on & ((high > best) | (best == vset(-INFINITY)));
  best = vsel(better, high, best);
  kept[1] = vsel(better, w->t + h * quarter * at, kept[1]);
  V bend = left - 2.0 * middle + right, lean = 0.5 * (left - right), vertex = centre + lean / bend;
  M curved = on & (bend < vset(0.0)) & (vertex > vset(0.0)) & (vertex < vset(QUARTERS)) & (middle - 0.5 * lean * lean / bend >= best);
  if (some(curved)) {
    for (int again = 0; again < 2; again++) {
      V near = vmax(vset(0.125), -vmax(-vertex, vset(0.125 - QUARTERS)));
      left = sign * output_at(w, quarter * (near - 0.125), o); right = sign * output_at(w, quarter * (near + 0.125), o);
      middle = sign * output_at(w, quarter * near, o);
      bend = left - 2.0 * middle + right;
      V moved = near + 0.125 * (0.5 * (left - right) / bend);
      vertex = vsel(curved & (bend < vset(0.0)) & (moved > vset(0.0)) & (moved < vset(QUARTERS)), moved, near); }
    V value = sign * output_at(w, quarter * vertex, o);
    better = curved & (value > best);
    best = vsel(better, value, best);
    kept[1] = vsel(better, w->t + h * quarter * vertex, kept[1]); }
  kept[0] = sign * best; }

/* Where output - level changes its sign between two quarters, in quarters; found by halving. */
static V turning(Work *w, int o, V level, V quarter, int j, M above) {
  V low = vset(j - 1), high = vset(j);
  for (int i = 0; i < HALVINGS; i++) {
    V middle = 0.5 * (low + high);
    M same = ~((output_at(w, quarter * middle, o) > level) ^ above);
    low = vsel(same, middle, low); high = vsel(same, high, middle); }
  return high; }

/* First and last day above and below a level, and days above it. */
static void cross(Work *w, V *kept, int o, V level, M on, V h, V share, V end) {
  V quarter = share * (1.0 / QUARTERS), t0 = w->t;
  for (int j = 1; j <= QUARTERS; j++) {
    M before = w->X[j - 1][o] > level, after = w->X[j][o] > level;
    V t1 = j == QUARTERS ? end : w->t + h * quarter * (double)j, turn = t1;
    if (some(on & (before ^ after))) turn = w->t + h * quarter * turning(w, o, level, quarter, j, before);
    V from = vsel(before, t0, turn), to = vsel(after, t1, turn);
    M high = on & (before | after);
    kept[0] = vsel(high & (from < kept[0]), from, kept[0]);
    kept[1] = vsel(high & (to > kept[1]), to, kept[1]);
    kept[4] = vsel(high, kept[4] + (to - from), kept[4]);
    from = vsel(before, turn, t0); to = vsel(after, turn, t1);
    M low = on & ~(before & after);
    kept[2] = vsel(low & (from < kept[2]), from, kept[2]);
    kept[3] = vsel(low & (to > kept[3]), to, kept[3]);
    t0 = t1; } }

/* Takes in the step from w->t over share * h to end, in the lanes that took it. */
static void reduce(Work *w, const Task *a, M taken, V h, V share, V end) {
  if (!a->watches || !some(taken)) return;
  if (w->unseen) { observe(w->Y, w->R, w->X[0]); w->unseen = 0; }
  for (int j = 1; j <= QUARTERS; j++) { between(w, share * (j * 1.0 / QUARTERS)); observe(w->U, w->R, w->X[j]); }
  for (int64_t r = 0; r < a->watches; r++) {
    int o = a->watched[r]; V *kept = w->kept + r * KEPT, level;
    for (int l = 0; l < LANES; l++) level[l] = w->id[l] < 0 ? 0.0 : a->level[w->id[l] * a->watches + r];
    M on = taken & (w->t >= vset(a->from[r])) & (end <= vset(a->until[r]));
    switch (a->kind[r]) {
      case PEAK: extreme(w, kept, o, 1.0, on, h, share); break;
      case NADIR: extreme(w, kept, o, -1.0, on, h, share); break;
      case AREA: {  /* Boole's rule */
        V part = 7.0 * (w->X[0][o] + w->X[4][o]) + 32.0 * (w->X[1][o] + w->X[3][o]) + 12.0 * w->X[2][o];
        kept[0] = vsel(on, kept[0] + share * h * part * (1.0 / 90.0), kept[0]); break; }
      default: cross(w, kept, o, level, on, h, share, end); } }
  for (int o = 0; o < OUTPUTS; o++) w->X[0][o] = vsel(taken, w->X[QUARTERS][o], w->X[0][o]); }
