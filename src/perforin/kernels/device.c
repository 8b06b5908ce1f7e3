/* One patient per thread; what is kept of a course is kept where it is handed over. */
extern "C" __global__ void perforin_patients(Task all) {
  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= all.count) return;
  Task one = all;
  Work work;
  one.count = 1;
  one.who = all.who + i;
  work_off(&work, &one, (V *)(all.reduced + *one.who * all.watches * KEPT)); }
