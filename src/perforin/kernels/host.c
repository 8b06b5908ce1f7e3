/* How a processor is called. Numbers below 2.3e-308 count as zero: they are slow, and nobody's cells. */
#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#define FLUSH unsigned int kept = _mm_getcsr(); _mm_setcsr(kept | 0x8040)
#define RESTORE _mm_setcsr(kept)
#else
#define FLUSH
#define RESTORE
#endif

int perforin_run(const Task *a) {
  Work work; char *block = malloc((size_t)(a->watches * KEPT + 2) * sizeof(V));
  if (!block) return 1;
  FLUSH;
  work_off(&work, a, (V *)(((uintptr_t)block + sizeof(V) - 1) / sizeof(V) * sizeof(V)));
  RESTORE;
  free(block);
  return 0; }

/* For tests: slopes and Jacobian rows at given states, one patient per call. */
int perforin_linearise(const double *state, const double *parameters, double *slopes, double *matrix) {
  V Y[STATES], P[PARAMETERS], R[FIXED], F[STATES], W[FACTORS];
  for (int i = 0; i < STATES; i++) Y[i] = vset(state[i]);
  for (int i = 0; i < PARAMETERS; i++) P[i] = vset(parameters[i]);
  derive(P, R);
  linearise(Y, R, vset(0.0), F, W);
  for (int i = 0; i < STATES; i++) slopes[i] = F[i][0];
  for (int i = 0; i < FACTORS; i++) matrix[i] = -W[i][0];
  return 0; }
